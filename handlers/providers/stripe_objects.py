"""What Stripe's objects share (amounts, links, people, addresses), and the subscription.

Links (docs.stripe.com/changelog/basil): a session names its payment intent and invoice, a charge its payment intent and
(before basil) its invoice, a refund and a dispute their charge and payment intent. Customers, subscriptions, products
and payment links are shared by many sales and never link them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from handlers import money
from handlers.errors import Unmappable
from handlers.merge import state
from handlers.reading import ID_LIMIT, Node
from schemas.fact import Fact, Kind, Reading
from schemas.stated import (
    Address,
    Maybe,
    Party,
    Subscription,
)


class Context(msgspec.Struct, frozen=True):
    """What is known of an event apart from its object. `at` in microseconds; `prefix` begins every key."""

    topic: str
    at: int
    rank: int
    event: str
    prefix: str
    livemode: bool
    connection: str
    orders_from: tuple[str, ...]

    @property
    def merchant(self) -> str:
        """Whose money it is: the connected account, else the account that the connection is of."""
        return self.prefix.removeprefix("stripe:").removesuffix(":") or self.connection

    def key(self, id_: str) -> str:
        return self.prefix + id_

    def maybe_key(self, id_: str | None) -> str | None:
        return self.prefix + id_ if id_ else None

    def state(self, id_: str, kind: Kind, stated: msgspec.Struct) -> Fact:
        return state(self.key(id_), kind, stated, at=self.at, rank=self.rank, event=self.event)


def amount(node: Node, name: str, currency: str, default: int | None = None) -> int:
    """An amount in Stripe's unit, as ISO minor units; missing is Unmappable unless there is a default."""
    if not node.has(name) and default is not None:
        return default
    return money.from_stripe(node.integer(name), currency, node.at(name))


def moved(node: Node, name: str, currency: str) -> int:
    """An amount of money that moved, which cannot be below zero."""
    found = amount(node, name, currency)
    if found < 0:
        raise Unmappable(node.at(name), f"{found} is below zero")
    return found


def raw_amount(node: Node, name: str, currency: str, converted: int) -> Maybe[int]:
    """Stripe's own integer, where its unit is not ISO's."""
    return node.integer(name) if node.has(name) and node.integer(name) != converted else UNSET


def refs(node: Node) -> tuple[str, ...]:
    """The texts in which the sender may name an order of ours. What cannot be a name of one is passed over: metadata is
    free text, and money must not wait for it."""
    metadata = node.maybe_node("metadata")
    found = (node.raw("client_reference_id"), metadata and metadata.raw("order_id"))
    names = (str(ref) for ref in found if isinstance(ref, str | int) and not isinstance(ref, bool))
    return tuple(sorted({name for name in names if 0 < len(name) <= ID_LIMIT and name.isprintable()}))


def links(context: Context, *ids: str | None) -> tuple[str, ...]:
    return tuple(sorted({context.key(id_) for id_ in ids if id_}))


def first_of(subscription: str | None) -> str | None:
    """The key that a subscription's first sale is known by: its checkout and its first invoice need not name each
    other, but both name the subscription, which no later sale may be linked by."""
    return f"{subscription}#first" if subscription else None


def address(node: Node | None, name: str | None = None, phone: str | None = None) -> Address | None:
    """An address with anything in it, or None."""
    if node is None:
        return None
    found = Address(
        name=name,
        phone=phone,
        line1=node.text("line1", 500),
        line2=node.text("line2", 500),
        city=node.text("city", 500),
        state=node.text("state", 500),
        postal_code=node.text("postal_code", 100),
        country=node.text("country", 100),
    )
    return found if any((found.line1, found.city, found.postal_code, found.country, found.state)) else None


def person_address(node: Node | None) -> Address | None:
    """The address of an object that also names the person (`customer_details`, `shipping`)."""
    if node is None:
        return None
    return address(node.maybe_node("address"), node.text("name", 1000), node.text("phone", 100))


def party(context: Context, node: Node, *details: Node | None) -> Party:
    """The customer: the id, and name, e-mail and phone from the first of the details that has them."""
    customer = context.maybe_key(node.reference("customer"))
    said = [detail for detail in details if detail is not None]

    def first(name: str) -> str | None:
        return next((text for detail in said if (text := detail.text(name, 1000))), None)

    return Party(
        ids=(customer,) if customer else (),
        email=next((email for detail in said if (email := detail.email("email"))), None),
        name=first("name"),
        phone=first("phone"),
    )


def receipt(node: Node) -> Node:
    """The address that a receipt goes to, as an object of a person."""
    return Node({"email": node.raw("receipt_email")}, node.path)


def subscription(node: Node, context: Context) -> Reading:
    """Stripe's own subscription. Its sales are its invoices; it links none of them."""
    items = node.maybe_node("items")
    listed = list(items.nodes("data")) if items else []
    ends: list[Any] = [item.maybe_unix("current_period_end") for item in listed]
    stated = Subscription(
        connection=context.connection,
        livemode=context.livemode,
        title=node.text("description", 255) or _plan_name(listed),
        amount=_billed(listed),
        interval=_interval(listed),
        status=node.text("status", 100) or "incomplete",
        customer=context.maybe_key(node.reference("customer")) or UNSET,
        currency=node.currency("currency") if node.has("currency") else None,
        started_at=node.maybe_unix("start_date") or node.maybe_unix("start"),
        ended_at=node.maybe_unix("ended_at"),
        current_period_end=node.maybe_unix("current_period_end") or max((end for end in ends if end), default=None),
        cancel_at_period_end=node.boolean("cancel_at_period_end"),
    )
    return Reading((context.state(node.identifier("id"), Kind.SUBSCRIPTION, stated),))


_MONTHS = {"month": 1, "year": 12}


def _price(item: Node) -> Node | None:
    """What an item of a subscription costs, in its place before and since 2020."""
    return item.maybe_node("price") or item.maybe_node("plan")


def _plan_name(items: list[Node]) -> str | None:
    return next((name for item in items if (price := _price(item)) and (name := price.text("nickname", 255))), None)


def _billed(items: list[Node]) -> int | None:
    """What one period comes to; None where it depends on use, or on more than one currency."""
    total, currencies = 0, set()
    for item in items:
        price = _price(item)
        name = "unit_amount" if price and price.has("unit_amount") else "amount"
        quantity = item.raw("quantity")
        if price is None or not price.has(name) or not price.has("currency") or isinstance(quantity, bool):
            return None
        currencies.add(price.currency("currency"))
        total += amount(price, name, price.currency("currency")) * (quantity if isinstance(quantity, int) else 1)
    return total if len(currencies) == 1 else None


def _interval(items: list[Node]) -> dict[str, Any] | None:
    """How often it is paid for; years are months."""
    for item in items:
        price = _price(item)
        place = (price.maybe_node("recurring") or price) if price else None
        unit = place.raw("interval") if place else None
        count = place.raw("interval_count") if place else None
        if isinstance(unit, str) and isinstance(count, int) and not isinstance(count, bool) and 0 < count <= 1000:
            if unit in _MONTHS:
                return {"unit": "month", "count": count * _MONTHS[unit]}
            if unit in ("day", "week"):
                return {"unit": unit, "count": count}
    return None
