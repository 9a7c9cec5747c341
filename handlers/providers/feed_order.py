"""Daybook's own order payload (`order.upserted`), read strictly: it is our contract, so whatever is wrong is named.

Amounts are integers in minor units; a line's figures are computed by Daybook's one rule from quantity, net unit price,
discount and tax rate. Each payload states the order whole: what it leaves out is not there.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from handlers import summary
from handlers.errors import Unmappable
from handlers.merge import state
from handlers.money import LARGEST
from handlers.providers.sale_parts import address, key, keyed, plain, quantity, web_address
from handlers.reading import Node, micros
from schemas.fact import Kind, Reading
from schemas.order import PaymentStatus, ShippingStatus
from schemas.provider import Event
from schemas.stated import Charge, Claim, Form, Line, Party

_ADDRESS = {
    name: name for name in ("name", "company", "line1", "line2", "city", "state", "postal_code", "country", "phone")
}
_OPEN = frozenset({None, PaymentStatus.PENDING, PaymentStatus.PARTIALLY_PAID, PaymentStatus.OVERDUE})
_SETTLED = frozenset({PaymentStatus.PAID, PaymentStatus.REFUNDED})
PERCENT_LIMIT = 10_000


def order(event: Event, body: Node) -> Reading:
    """The claim that an `order.upserted` makes. Raises Unmappable with the path of the field that is wrong."""
    data = body.node("data")
    connection, identifier = event.source.connection, data.identifier("external_id")
    currency = data.currency("currency")
    at = body.maybe_time("timestamp")
    at = micros(event.received_at) if at is None else at
    version = data.integer("version") if data.has("version") else 0
    lines = keyed(_line(node) for node in data.nodes("items"))
    charges = summary.computed(lines, (_charge(node, place) for place, node in enumerate(data.nodes("charges"), 1)))
    total = _total(data, lines, charges)
    note = _word(data, "payment_status", PaymentStatus)
    paid = _amount(data, "amount_paid") if data.has("amount_paid") else None
    number = data.text("number", 255)
    claim = Claim(
        form=Form.FEED,
        claims=True,
        connection=connection,
        external_id=identifier,
        external_number=number,
        title=data.text("title", 500) or f"Order {number or identifier}",
        currency=currency,
        total=total,
        lines=lines,
        charges=charges,
        open=note in _OPEN,
        failed=note == PaymentStatus.FAILED,
        canceled=note == PaymentStatus.CANCELED,
        settled=note in _SETTLED,
        stated_paid=paid,
        stated_returned=None,
        note=note,
        payment_system=None,
        party=_party(connection, data),
        billing_address=address(_maybe(data, "billing_address"), _ADDRESS),
        shipping_address=address(_maybe(data, "shipping_address"), _ADDRESS),
        shipping_status=_word(data, "shipping_status", ShippingStatus),
        tracking_url=web_address(data.text("tracking_url", 2000)),
        notes=data.text("notes"),
        ordered_at=data.maybe_time("ordered_at") or at,
        paid_at=data.maybe_time("paid_at"),
        due_at=data.maybe_time("due_at"),
        livemode=event.livemode and data.raw("livemode") is not False,
    )
    if paid is not None:
        claim = msgspec.structs.replace(claim, stated_returned=_returned(data, paid, note))
    own = key(connection, "order", identifier)
    return Reading((state(own, Kind.CLAIM, claim, at=at, event=event.id, version=version),))


def _total(data: Node, lines: tuple[Line, ...], charges: tuple[Charge, ...]) -> int:
    """The stated amount, else what lines and charges come to."""
    if not data.has("amount") and not lines:
        raise Unmappable(data.at("amount"), "missing; state the amount, or the items that it follows from")
    computed = summary.order_total(lines, charges)
    if any(abs(figure) > LARGEST for figure in (computed, *(charge.amount for charge in charges))):
        raise Unmappable(data.at("charges"), f"the order comes to more than {LARGEST} minor units")
    if data.has("amount"):
        return _amount(data, "amount")
    if computed < 0:
        raise Unmappable(data.at("charges"), f"the order comes to less than nothing ({computed})")
    return computed


def _returned(data: Node, paid: int, note: str | None) -> int:
    if data.has("amount_refunded"):
        return _amount(data, "amount_refunded")
    return paid if note == PaymentStatus.REFUNDED else 0


def _amount(node: Node, name: str, default: int | None = None) -> int:
    """An amount of at least 0 in minor units."""
    if default is not None and not node.has(name):
        return default
    value = node.integer(name)
    if value < 0:
        raise Unmappable(node.at(name), "an amount below zero")
    return value


def _maybe(node: Node, name: str) -> Node | None:
    """The object below `name` if it is given; anything else there is Unmappable."""
    return node.node(name) if node.has(name) else None


def _word(node: Node, name: str, words: type[StrEnum]) -> str | None:
    value = node.text(name, 100)
    if value is not None and value not in list(words):
        raise Unmappable(node.at(name), f"{value[:40]!r} is none of {', '.join(words)}")
    return value


def _party(connection: str, data: Node) -> Party:
    customer = _maybe(data, "customer") or Node({}, data.at("customer"))
    identifier = customer.maybe_identifier("id")
    return Party(
        ids=(key(connection, "customer", identifier),) if identifier else (),
        email=customer.email("email"),
        name=customer.text("name", 500),
        phone=customer.text("phone", 64),
    )


def _percentage(node: Node, name: str) -> Decimal:
    value = node.decimal(name)
    if not 0 <= value <= PERCENT_LIMIT:
        raise Unmappable(node.at(name), f"{str(value)[:40]} is not a percentage")
    return value


def _line(node: Node) -> Line:
    line = Line(
        key=node.maybe_identifier("id") or "",
        name=node.text("name", 1000) or node.text("sku", 255) or "Item",
        sku=node.text("sku", 255),
        quantity=quantity(node),
        unit_price=node.integer("unit_price"),
        tax_rate=plain(_percentage(node, "tax_rate")) if node.has("tax_rate") else None,
        discount=_amount(node, "discount", 0),
        delivery_method=node.text("delivery_method", 255),
    )
    if line.unit_price < 0:
        raise Unmappable(node.at("unit_price"), "an amount below zero")
    priced = summary.price(line)
    if priced.discount > priced.subtotal:
        raise Unmappable(node.at("discount"), f"{priced.discount} is more than the line's {priced.subtotal}")
    if max(priced.subtotal, priced.total) > LARGEST:
        raise Unmappable(node.path, f"the line comes to more than {LARGEST} minor units")
    return priced


def _charge(node: Node, place: int) -> Charge:
    kind, mode = node.text("kind", 40), node.text("mode", 40) or "fixed"
    if kind not in summary.CHARGE_KINDS:
        raise Unmappable(node.at("kind"), f"{str(kind)[:40]!r} is none of {', '.join(summary.CHARGE_KINDS)}")
    if mode not in ("fixed", "percent"):
        raise Unmappable(node.at("mode"), f"{mode!r} is neither fixed nor percent")
    of = (node.text("of", 40) or "subtotal") if mode == "percent" else None
    if of not in (None, "subtotal", "running"):
        raise Unmappable(node.at("of"), f"{of!r} is neither subtotal nor running")
    sign = node.integer("sign") if node.has("sign") else 1
    if sign not in (1, -1):
        raise Unmappable(node.at("sign"), f"{sign} is neither 1 nor -1")
    return Charge(
        kind=kind,
        key=node.maybe_identifier("id") or f"charge-{place}",
        mode=mode,
        of=of,
        value=plain(_percentage(node, "value")) if mode == "percent" else str(_whole(node, "value")),
        sign=sign,
        label=node.text("label", 255),
    )


def _whole(node: Node, name: str) -> int:
    """An amount in minor units, as an integer or its text."""
    value = node.decimal(name)
    if value != value.to_integral_value() or not 0 <= value <= LARGEST:
        raise Unmappable(node.at(name), f"{str(value)[:40]} is not an amount in minor units")
    return int(value)
