"""Checkouts (P1): what Stripe is asked with, what its answer states, and where a checkout is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from handlers import money, parts, summary
from handlers.errors import Refused
from handlers.merge import view
from handlers.payment import known
from handlers.providers import stripe_sessions
from handlers.providers.stripe_objects import Context
from handlers.reading import Node
from schemas.checkout import Standing
from schemas.fact import Dossier, Kind, Reading
from schemas.stated import Address, Claim, Hand, Line

KEY = "daybook_checkout"
"""The name in a session's metadata under which it carries the id of its checkout."""
ASKED_FOR_S = 20 * 3_600
"""How long Stripe is asked with the same idempotency key: it forgets keys after a day."""
SURELY_LISTED_S = 600
"""After so long a session that was opened is in Stripe's list."""
_LEFT_S = 35 * 60
"""A session that would be open for less than Stripe's half an hour is not asked for any more."""


def lines(wish: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines of a new order: its items, or its amount as one line. Refused where there is nothing to pay."""
    if wish.get("items"):
        found = tuple(parts.line(item, str(n), f"items.{n - 1}.") for n, item in enumerate(wish["items"], 1))
    elif wish.get("amount"):
        found = (summary.price(Line(key="1", name=wish.get("title") or "Sale", unit_price=wish["amount"])),)
    else:
        raise Refused(
            "invalid", "There is nothing to pay for.", field="items", remedy="Give items, an offer_id or an amount."
        )
    if any(line.total < 0 for line in found) or sum(line.total for line in found) <= 0:
        raise Refused(
            "invalid", "Stripe opens checkouts for more than 0 only, on every line.", field="items",
            remedy="Check prices and discounts.",
        )  # fmt: skip
    return found


def part(order_title: str, remaining: int, asked: int | None, *, in_parts: bool) -> tuple[Line, ...]:
    """What is paid for of an order that there is: all that remains, or the part that is asked for. `in_parts`: whether
    it may be paid for so."""
    if remaining <= 0:
        raise Refused("nothing_to_pay", "Nothing remains to be paid on this order.", remedy="Look at its payments.")
    amount = remaining if asked is None else asked
    if not 0 < amount <= remaining:
        raise Refused(
            "invalid", f"Between 1 and {remaining} minor units can be paid on this order.", field="amount",
            remedy="Leave the amount out for all that remains.",
        )  # fmt: skip
    if amount < remaining and not in_parts:
        raise Refused(
            "invalid", "The offer of this order is not paid for in parts.", field="amount",
            remedy="Leave the amount out, or let the offer be paid for in parts.",
        )  # fmt: skip
    return (summary.price(Line(key="1", name=order_title, unit_price=amount)),)


def stated(wish: Mapping[str, Any], sold: Sequence[Line]) -> Hand:
    """What is stated of the order of a checkout beside what Stripe states. `wish`: times in microseconds."""
    names = ("contact_id", "deal_id", "owner_id", "manager_id", "offer_id", "due_at", "notes")
    given = {name: wish[name] for name in names if wish.get(name) is not None}
    if wish.get("billing_address"):
        given["billing_address"] = msgspec.convert(wish["billing_address"], Address)
    return Hand(title=wish.get("title") or sold[0].name, **given)


def params(
    wish: Mapping[str, Any], *, checkout_id: str, order_id: str, currency: str, sold: Sequence[Line],
    email: str | None, expires_at: int,
) -> dict[str, Any]:  # fmt: skip
    """Stripe's parameters for a Checkout Session. What it names joins the order by the order's id, in whichever order
    the webhooks come. `expires_at` in unix seconds. Unmappable for a currency or an amount that Stripe has not."""
    money.currency(currency, "currency")
    named = {"order_id": order_id, KEY: checkout_id}
    intent: dict[str, Any] = {"metadata": named}
    if wish.get("save_payment_method"):
        intent["setup_future_usage"] = "off_session"
    found: dict[str, Any] = {
        "mode": "payment",
        "line_items": [_line_item(line, currency) for line in sold],
        "success_url": wish["success_url"],
        "client_reference_id": order_id,
        "metadata": named,
        "payment_intent_data": intent,
        "expires_at": expires_at,
    }
    if wish.get("cancel_url"):
        found["cancel_url"] = wish["cancel_url"]
    if wish.get("stripe_customer_id"):
        found["customer"] = wish["stripe_customer_id"]
    else:
        if email:
            found["customer_email"] = email
        if wish.get("save_payment_method"):
            found["customer_creation"] = "always"
    return found


def _line_item(line: Line, currency: str) -> dict[str, Any]:
    """A line as Stripe sells it: by the piece where that comes to the line's total, else the line as one piece."""
    quantity, name = Decimal(line.quantity), line.name
    price, pieces = line.unit_price, int(quantity)
    if quantity != pieces or not 1 <= pieces <= 999_999 or price * pieces != line.total:
        name = f"{line.name} ({format(quantity.normalize(), 'f')})" if quantity != 1 else name
        price, pieces = line.total, 1
    return {
        "quantity": pieces,
        "price_data": {
            "currency": currency.lower(),
            "unit_amount": money.to_stripe(price, currency, "items"),
            "product_data": {"name": name},
        },
    }


def reading(session: Mapping[str, Any], connection: str, sold: Sequence[Line], event: str) -> Reading:
    """What a session that we opened states, when it was made: that its order is there, and what is sold in it.
    `event`: who says so."""
    node = Node(dict(session), "session")
    at = node.unix("created")
    found = stripe_sessions.session(node, _context("checkout.session.created", at, 0, event, connection, node))
    if not isinstance(found, Reading):
        raise Refused("not_payable", "Stripe opened a session that sells nothing.", remedy="Ask for help.")
    [fact] = found.facts
    [said] = fact.statements
    fields = {**said.fields, "claims": True, "detail": msgspec.to_builtins(tuple(sold))}
    fact = msgspec.structs.replace(fact, statements=(msgspec.structs.replace(said, fields=fields),))
    return msgspec.structs.replace(found, facts=(fact,))


def expired(session: Mapping[str, Any], connection: str, at: int, event: str) -> Reading:
    """What a session states that has just been expired. `at` in microseconds."""
    node = Node(dict(session), "session")
    at = max(at, node.unix("created"))
    found = stripe_sessions.session(node, _context("checkout.session.expired", at, 7, event, connection, node))
    return found if isinstance(found, Reading) else Reading()


def _context(topic: str, at: int, rank: int, event: str, connection: str, node: Node) -> Context:
    return Context(topic, at, rank, event, "stripe:", node.raw("livemode") is not False, connection, ("checkout",))


def standing(state: str, session_id: str | None, dossier: Dossier | None) -> Standing:
    """Where a checkout is, by what is known of its session."""
    if state != "opened":
        return Standing(state)
    fact = dossier.facts.get(f"stripe:{session_id}") if dossier else None
    if fact is None or fact.kind is not Kind.CLAIM:
        return Standing.OPEN
    claim = view(fact, Claim)
    if known(claim.settled, False):
        return Standing.PAID
    if known(claim.canceled, False):
        return Standing.EXPIRED
    return Standing.FAILED if known(claim.failed, False) else Standing.OPEN


def may_be_asked_for(age_s: float, left_s: float) -> bool:
    """Whether Stripe may be asked for the session of a checkout with its idempotency key. `age_s`: since it was written
    down; `left_s`: until the session is to expire."""
    return age_s < ASKED_FOR_S and left_s > _LEFT_S
