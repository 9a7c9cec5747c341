"""What a person wishes for an order, turned into statements of fact: the rules of making and editing by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from handlers import children, flow, locks, money, parts, summary
from handlers.derive import slugify
from handlers.errors import Refused
from handlers.template import BUILT_IN, ONLY_AS_CHILD, named
from schemas.order import Order, OrderSource, OrderType, PaymentStatus, Status
from schemas.stated import Address, Charge, Hand, Line
from schemas.template import Template

_PRICED = frozenset({"items", "charges", "amount", "currency"})
_MONEY = frozenset({"payment_status", "amount_paid", "amount_refunded", "paid_at"})
_PLAIN = (
    "title", "shipping_status", "tracking_url", "notes", "external_number", "contact_id", "deal_id", "owner_id",
    "manager_id", "offer_id", "location_id", "destination_location_id",
)  # fmt: skip
_TIMES = ("ordered_at", "due_at", "paid_at")
_ADDRESSES = ("billing_address", "shipping_address")
_CHARGED = ("kind", "mode", "of", "value", "sign", "label")
AMOUNT_LINE = "amount"
"""The key of the one line that an amount given without items becomes."""


def created(
    wish: Mapping[str, Any],
    *,
    now: int,
    origin: str,
    source: OrderSource,
    currency: str,
    template: Template = BUILT_IN[OrderType.SALE],
    names: Mapping[str, str | int | None] | None = None,
) -> Hand:
    """The statement that makes an order. `wish`: the request's given fields, with times in microseconds; `names`: what
    the template's naming convention may use beside what the wish says."""
    if template.type in ONLY_AS_CHILD:
        raise Refused(
            "invalid", f"A {template.type} is made from another order.", field="template",
            remedy="Use POST /api/v1/orders/{id}/children of that order.",
        )  # fmt: skip
    code = money.wished_currency(wish.get("currency") or currency)
    given = {**wish, **_titled(wish, template, {"currency": code, **(names or {})})}
    lines, charges = content(wish, given["title"])
    return _stated(given, now, origin, source, code, template, lines, charges)


def content(wish: Mapping[str, Any], title: str) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    """Lines and charges of a new order; an amount without items is one line of this title."""
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
    return lines, charges


def child(
    wish: Mapping[str, Any],
    parent: Order,
    *,
    now: int,
    parent_id: str,
    template: Template,
    names: Mapping[str, str | int | None],
    lines: tuple[Line, ...],
    charges: tuple[Charge, ...],
    origin: str = "api",
    source: OrderSource = OrderSource.API,
) -> Hand:
    """The statement that makes a child with the lines that it carries."""
    _check_total(lines, charges)
    given = {**wish, **children.inherited(parent, wish)}
    given.update(_titled(given, template, {"currency": parent.currency, **names}))
    hand = _stated(given, now, origin, source, parent.currency, template, lines, charges)
    return msgspec.structs.replace(hand, parent_id=parent_id)


def _titled(wish: Mapping[str, Any], template: Template, names: Mapping[str, str | int | None]) -> dict[str, Any]:
    """Title and slug: a given title wins over the template's convention."""
    known = {
        "type": template.type, "template": template.name, "external_id": wish.get("external_id"),
        "reference": _reference(wish, names), **names,
    }  # fmt: skip
    title = wish.get("title") or named(template.title, known) or template.name
    slug = wish.get("slug") or named(template.slug_pattern, {**known, "title": title})
    return {"title": title, "slug": slugify(slug or title)}


def _reference(wish: Mapping[str, Any], names: Mapping[str, str | int | None]) -> str | None:
    """What tells an order from others of its type, in words."""
    if external_id := wish.get("external_id"):
        return str(external_id)
    if parent_title := names.get("parent_title"):
        return f"for {parent_title}"
    return f"of {names['date']}" if names.get("date") else None


def _stated(
    given: Mapping[str, Any],
    now: int,
    origin: str,
    source: OrderSource,
    currency: str,
    template: Template,
    lines: tuple[Line, ...],
    charges: tuple[Charge, ...],
) -> Hand:
    status = given.get("status") or Status.NEW
    if status not in (Status.DRAFT, Status.NEW, Status.PROCESSING, Status.COMPLETED):
        raise Refused(
            "invalid",
            f"An order cannot be made with the status {status}.",
            field="status",
            remedy="Make it draft or new.",
        )
    if template.type == OrderType.TRANSFER and status in (Status.PROCESSING, Status.COMPLETED):
        flow.check_locations(given.get("location_id"), given.get("destination_location_id"))
    return Hand(
        **{
            "ordered_at": now,
            **_plain(given),
            **_note(given, None),
            "slug": given["slug"],
            "origin": origin,
            "source": source,
            "external_id": given.get("external_id"),
            "type": template.type,
            "template": template.slug,
            "status": status,
            "currency": currency,
            "lines": lines,
            "charges": charges,
            "moves_stock": UNSET if template.moves_stock else False,
        }
    )


def edited(
    order: Order,
    wish: Mapping[str, Any],
    *,
    derived: bool,
    children_: Sequence[flow.ChildState] = (),
    carried: Collection[str] = (),
) -> Hand:
    """The statement that edits an order. `wish` holds just the fields to change; `derived`: payment facts exist;
    `children_`: the order's children; `carried`: keys of the lines that live children carry.

    Raises Locked for what Stripe manages, Refused for what the rules do not allow.
    """
    locks.check(order, wish)
    if derived and (noted := sorted(_MONEY & set(wish))):
        raise Refused(
            "derived", f"{noted[0]} follows from this order's payments and cannot be set.", field=noted[0],
            remedy="Record a payment or a refund where the money moved.",
        )  # fmt: skip
    if wish.get("items") is not None and wish.get("amount") is not None:
        raise Refused(
            "invalid",
            "Give items or an amount, not both.",
            field="amount",
            remedy="Leave the amount out: items give it.",
        )
    if order.parent_id and wish.get("currency") not in (None, order.currency):
        raise Refused(
            "invalid",
            "A child has the currency of its parent.",
            field="currency",
            remedy="Leave the currency as it is.",
        )
    stated = {**_plain(wish), **_note(wish, order)}
    if wish.get("status") is not None:
        moved = msgspec.structs.replace(
            order, **{name: wish[name] for name in ("location_id", "destination_location_id") if name in wish}
        )
        flow.check_move(moved, wish["status"], children_)
        stated["status"] = wish["status"]
    if "currency" in wish:
        stated["currency"] = money.wished_currency(wish["currency"])
    stated.update(prices(order, wish, carried))
    return Hand(**stated)


def prices(order: Order, wish: Mapping[str, Any], carried: Collection[str]) -> dict[str, Any]:
    """Lines and charges after the edit; both are stated together, so that they stay a pair."""
    asked = sorted(_PRICED & set(wish))
    if not asked:
        return {}
    lines = _lines(wish["items"] or (), order.lines) if "items" in wish else order.lines
    charges = _charges(wish["charges"] or (), order.charges) if "charges" in wish else order.charges
    amount = wish.get("amount")
    if amount is not None:
        if not lines or (len(lines) == 1 and lines[0].key == AMOUNT_LINE):
            lines = _amount_line(wish.get("title") or order.title, amount)
            charges = tuple(charge for charge in charges if charge.key != "stated-total")
        else:
            kept = tuple(charge for charge in charges if charge.key != "stated-total")
            charges = summary.adjusted(lines, summary.computed(lines, kept), amount)
    return repriced(order, lines, charges, carried, asked[0])


def repriced(
    order: Order, lines: tuple[Line, ...], charges: tuple[Charge, ...], carried: Collection[str], field: str
) -> dict[str, Any]:
    """The lines and charges as an edit states them, if the order's stage allows it (O8): lines until it is completed,
    charges only while it is draft or new. `field`: what the edit named."""
    locks.check(order, (field,))
    changed = tuple(map(_asked, charges)) != tuple(map(_asked, order.charges))
    stages = (Status.DRAFT, Status.NEW) if changed else (Status.DRAFT, Status.NEW, Status.PROCESSING)
    if order.status not in stages:
        raise Refused(
            "stage",
            f"{field} can be changed only while an order is {' or '.join(stages)}; this one is {order.status}.",
            field=field,
            remedy="Make a new order in its place." if order.status == Status.VOID else "Set the status back first.",
        )
    children.check_kept(order.lines, lines, carried)
    _check_total(lines, charges)
    return {"lines": lines, "charges": charges}


def _asked(charge: Charge) -> tuple[Any, ...]:
    """What was asked for with a charge, whatever it comes to on these lines."""
    return (charge.kind, charge.mode, charge.of, Decimal(charge.value), charge.sign, charge.label)


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


def _lines(items: Sequence[Mapping[str, Any]], held: Sequence[Line] = ()) -> tuple[Line, ...]:
    """`held`: the order's lines, of which an item with a `place` is the one of that place."""
    return tuple(
        parts.line(item, str(item.get("key") or n), f"items.{n - 1}.")
        if item.get("place") is None
        else parts.kept_line(held[item["place"]], item)
        for n, item in enumerate(items, 1)
    )


def _charges(charges: Sequence[Mapping[str, Any]], held: Sequence[Charge] = ()) -> tuple[Charge, ...]:
    return tuple(
        parts.charge(charge, str(charge.get("key") or n))
        if charge.get("place") is None
        else parts.changed_charge(held[charge["place"]], {name: charge[name] for name in _CHARGED if name in charge})
        for n, charge in enumerate(charges, 1)
    )


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
