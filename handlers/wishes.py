"""What a person wishes for an order, turned into statements of fact: the rules of making and editing by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from handlers import flow, locks, money, summary
from handlers.errors import Refused, Unmappable
from schemas.order import Order, OrderSource, OrderType, PaymentStatus, Status
from schemas.stated import Address, Charge, Hand, Line

_PRICED = frozenset({"items", "charges", "amount", "currency"})
_MONEY = frozenset({"payment_status", "amount_paid", "amount_refunded", "paid_at"})
_PLAIN = (
    "title", "shipping_status", "tracking_url", "notes", "external_number", "contact_id", "deal_id", "owner_id",
    "manager_id", "offer_id", "location_id", "destination_location_id",
)  # fmt: skip
_TIMES = ("ordered_at", "due_at", "paid_at")
_ADDRESSES = ("billing_address", "shipping_address")
AMOUNT_LINE = "amount"
"""The key of the one line that an amount given without items becomes."""


def created(wish: Mapping[str, Any], *, now: int, origin: str, source: OrderSource, currency: str) -> Hand:
    """The statement that makes an order. `wish`: the request's given fields, with times in microseconds."""
    status = wish.get("status") or Status.NEW
    if status not in (Status.DRAFT, Status.NEW, Status.PROCESSING, Status.COMPLETED):
        raise Refused(
            "invalid",
            f"An order cannot be made with the status {status}.",
            field="status",
            remedy="Make it draft or new.",
        )
    code = _currency(wish.get("currency") or currency)
    title = wish.get("title") or (f"Order {wish['external_id']}" if wish.get("external_id") else "Order")
    if wish.get("items") and wish.get("amount") is not None:
        raise Refused(
            "invalid",
            "Give items or an amount, not both.",
            field="amount",
            remedy="Leave the amount out: items give it.",
        )
    lines = _lines(wish["items"]) if wish.get("items") else _amount_line(title, wish.get("amount"))
    charges = _charges(wish.get("charges") or ())
    _check_total(lines, charges)
    given = {**wish, "title": title}
    stated = _plain(given)
    note = _note(given, None)
    return Hand(
        **{
            "ordered_at": now,
            **stated,
            **note,
            "origin": origin,
            "source": source,
            "external_id": wish.get("external_id"),
            "type": OrderType.SALE,
            "template": wish.get("template") or OrderType.SALE,
            "status": status,
            "currency": code,
            "lines": lines,
            "charges": charges,
        }
    )


def edited(order: Order, wish: Mapping[str, Any], *, derived: bool) -> Hand:
    """The statement that edits an order. `wish` holds just the fields to change; `derived`: payment facts exist.

    Raises Locked for what Stripe manages, Refused for what the rules do not allow.
    """
    locks.check(order, wish)
    if derived and (noted := sorted(_MONEY & set(wish))):
        raise Refused(
            "derived", f"{noted[0]} follows from this order's payments and cannot be set.", field=noted[0],
            remedy="Record a payment or a refund where the money moved.",
        )  # fmt: skip
    priced = sorted(_PRICED & set(wish))
    if priced and order.status not in (Status.DRAFT, Status.NEW):
        raise Refused(
            "stage", f"{priced[0]} can be changed only while an order is draft or new; this one is {order.status}.",
            field=priced[0], remedy="Set the status back to new first.",
        )  # fmt: skip
    if wish.get("items") is not None and wish.get("amount") is not None:
        raise Refused(
            "invalid",
            "Give items or an amount, not both.",
            field="amount",
            remedy="Leave the amount out: items give it.",
        )
    stated = {**_plain(wish), **_note(wish, order)}
    if wish.get("status") is not None:
        flow.check_move(order, wish["status"])
        stated["status"] = wish["status"]
    if "currency" in wish:
        stated["currency"] = _currency(wish["currency"])
    stated.update(_prices(order, wish))
    return Hand(**stated)


def _prices(order: Order, wish: Mapping[str, Any]) -> dict[str, Any]:
    """Lines and charges after the edit; both are stated together, so that they stay a pair."""
    if not _PRICED & set(wish):
        return {}
    lines = _lines(wish["items"] or ()) if "items" in wish else order.lines
    charges = _charges(wish["charges"] or ()) if "charges" in wish else order.charges
    amount = wish.get("amount")
    if amount is not None:
        if not lines or (len(lines) == 1 and lines[0].key == AMOUNT_LINE):
            lines = _amount_line(wish.get("title") or order.title, amount)
            charges = tuple(charge for charge in charges if charge.key != "stated-total")
        else:
            kept = tuple(charge for charge in charges if charge.key != "stated-total")
            charges = summary.adjusted(lines, summary.computed(lines, kept), amount)
    _check_total(lines, charges)
    return {"lines": lines, "charges": charges}


def _currency(code: str) -> str:
    try:
        return money.currency(code, "currency")
    except Unmappable as error:
        raise Refused(
            "invalid", error.problem, field="currency", remedy="Use a three-letter code such as BRL."
        ) from None


def _plain(wish: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: wish[name] for name in (*_PLAIN, *_TIMES) if name in wish and name != "paid_at"}
    for name in _ADDRESSES:
        if name in wish:
            found[name] = msgspec.convert(wish[name], Address | None)
    if found.get("ordered_at", UNSET) is None:
        del found["ordered_at"]
    return found


def _note(wish: Mapping[str, Any], order: Order | None) -> dict[str, Any]:
    """A payment status as a note (O5): no money moves because of it."""
    found = {name: wish[name] for name in ("amount_paid", "amount_refunded", "paid_at") if name in wish}
    note = wish.get("payment_status")
    if note is None:
        return found
    if note == PaymentStatus.PARTIALLY_PAID and wish.get("amount_paid") is None and not (order and order.amount_paid):
        raise Refused(
            "invalid",
            "partially_paid needs the amount that was paid.",
            field="amount_paid",
            remedy="Give amount_paid in minor units.",
        )
    if note not in (PaymentStatus.PARTIALLY_PAID, PaymentStatus.PAID, PaymentStatus.REFUNDED):
        found.setdefault("amount_paid", None)
    return {**found, "payment_status": note}


def _amount_line(title: str, amount: int | None) -> tuple[Line, ...]:
    if amount is None:
        return ()
    return (summary.price(Line(key=AMOUNT_LINE, name=title, unit_price=amount)),)


def _lines(items: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    found = []
    for position, item in enumerate(items, 1):
        if item.get("name") is None:
            raise Refused(
                "invalid", "A line needs a name, or the sku of a product.", field=f"items.{position - 1}.name",
                remedy="Give one of them.",
            )  # fmt: skip
        line = Line(
            key=str(item.get("key") or position),
            name=item["name"],
            sku=item.get("sku"),
            quantity=_quantity(item.get("quantity", 1), position),
            unit_price=item.get("unit_price") or 0,
            tax_rate=item.get("tax_rate"),
            discount=item.get("discount", 0),
            delivery_method=item.get("delivery_method"),
            service=item.get("service", False),
            attributes=item.get("attributes"),
        )
        found.append(summary.price(line))
    return tuple(found)


def _quantity(value: int | str, position: int) -> str:
    try:
        number = money.decimal(value, f"items[{position - 1}].quantity")
    except Unmappable as error:
        raise Refused("invalid", error.problem, field=error.path, remedy="Give a number or a decimal string.") from None
    return format(number.normalize(), "f")


def _charges(charges: Sequence[Mapping[str, Any]]) -> tuple[Charge, ...]:
    found = []
    for position, charge in enumerate(charges, 1):
        mode = charge.get("mode") or "fixed"
        found.append(
            Charge(
                kind=charge["kind"],
                key=str(position),
                mode=mode,
                of=(charge.get("of") or "subtotal") if mode == "percent" else None,
                value=format(Decimal(str(charge.get("value", 0))), "f"),
                sign=charge.get("sign") or 1,
                label=charge.get("label"),
            )
        )
    return tuple(found)


def _check_total(lines: Sequence[Line], charges: Sequence[Charge]) -> None:
    computed = summary.computed(lines, charges)
    if not summary.within_bounds(lines, computed):
        total = summary.order_total(lines, computed)
        what = "below zero" if total < 0 else f"beyond {money.LARGEST} minor units"
        raise Refused(
            "invalid",
            f"The total would be {what} ({total}).",
            field="amount",
            remedy="Check prices, discounts and charges.",
        )
