"""What moves after a Shopify sale: payments, refunds, disputes, and goods on their way.

A payment is keyed by the transaction that began it. The capture that settles an authorization is that same payment; a
capture that leaves something to be captured is a payment of its own, so that several of one authorization add up.
Every capture is also a charge that names its payment, for refunds name the capture.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from handlers import money
from handlers.errors import Unmappable
from handlers.merge import state
from handlers.money import rounded
from handlers.providers.sale_parts import key, quantity, web_address
from handlers.reading import Node, micros
from schemas.fact import Fact, Ignored, Kind, Reading
from schemas.provider import Event
from schemas.stated import ChargeTotal, Claim, Dispute, Fulfillment, Payment, Refund

_PAYMENT_STATUS = {"success": "succeeded", "pending": "pending", "failure": "failed", "error": "failed"}
_AUTHORIZATIONS = frozenset({"authorization", "emv_authorization"})
_INQUIRIES = {"needs_response": "warning_needs_response", "under_review": "warning_under_review"}


def transaction(event: Event, body: Node) -> Reading | Ignored:
    """The body of order_transactions/create."""
    connection = event.source.connection
    order = key(connection, "order", body.identifier("order_id"))
    own = key(connection, "transaction", body.identifier("id"))
    kind, stands = body.text("kind", 64) or "", body.text("status", 64) or "pending"
    if kind == "refund":
        return Reading((refund(event, body),), (order, own))
    if kind == "void" and stands == "success":
        voided = _named(connection, body) or own
        at = _when(event, body)
        return Reading((state(voided, Kind.PAYMENT, Payment(status="canceled"), at=at, event=event.id),), (order, own))
    if kind not in ("sale", "capture", *_AUTHORIZATIONS):
        return Ignored(f"A transaction of the kind {kind or '(none)'} with the status {stands} moves no money in.")
    paid = _payment(event, body, own, kind, stands)
    found = [paid]
    if kind == "capture" and stands == "success":
        currency = body.currency("currency")
        settles = ChargeTotal(payment=paid.key, refunded=0, currency=currency)
        if paid.key != own:
            found.append(state(own, Kind.CHARGE, settles, at=_when(event, body), event=event.id))
    shop_currency = _shop_currency(body)
    if shop_currency and shop_currency != body.currency("currency"):
        # The order states what came in in its own currency; naming the payment there lets the two be matched.
        claim = Claim(pays_with=(paid.key,))
        found.insert(0, state(order, Kind.CLAIM, claim, at=_when(event, body), event=event.id))
    authorized = _named(connection, body)
    return Reading(tuple(found), tuple(sorted({order, own, authorized or own})))


def _payment(event: Event, body: Node, own: str, kind: str, stands: str) -> Fact:
    currency = body.currency("currency")
    amount = _amount(body, "amount", currency)
    at = _when(event, body)
    status = _PAYMENT_STATUS.get(stands, "pending")
    if kind in _AUTHORIZATIONS and status == "succeeded":
        status = "processing"
    authorized = _named(event.source.connection, body)
    settles = kind == "capture" and authorized is not None and status == "succeeded" and not _left_to_capture(body)
    details = body.maybe_node("payment_details")
    card = details.text("credit_card_company", 64) if details else None
    method = (details.text("payment_method_name", 64) if details else None) or (card.lower() if card else None)
    good, failed = status == "succeeded", status == "failed"
    stated = Payment(
        status=status,
        amount=amount,
        currency=currency,
        system=body.text("gateway", 128) or "shopify",
        method=method,
        attempted_at=at,
        paid_at=at if good else None,
        failure_code=body.text("error_code", 128) if failed else None,
        failure_message=body.text("message", 1000) if failed else None,
        livemode=event.livemode and not body.boolean("test"),
    )
    if good:
        stated = msgspec.structs.replace(stated, received=amount)
    return state(authorized if settles and authorized else own, Kind.PAYMENT, stated, at=at, event=event.id)


def _left_to_capture(body: Node) -> bool:
    """Whether the authorization still holds money after this capture."""
    unsettled = body.maybe_node("total_unsettled_set")
    left = unsettled.maybe_node("shop_money") if unsettled else None
    return left is not None and left.has("amount") and left.decimal("amount") > 0


def _shop_currency(body: Node) -> str | None:
    unsettled = body.maybe_node("total_unsettled_set")
    shop = unsettled.maybe_node("shop_money") if unsettled else None
    name = next((name for name in ("currency", "currency_code") if shop and shop.has(name)), None)
    return shop.currency(name) if shop and name else None


def _named(connection: str, body: Node) -> str | None:
    """The transaction that this one acts upon."""
    parent = body.maybe_identifier("parent_id")
    return key(connection, "transaction", parent) if parent else None


def _when(event: Event, body: Node) -> int:
    return body.maybe_time("processed_at") or body.maybe_time("created_at") or micros(event.received_at)


def _amount(body: Node, name: str, currency: str) -> int:
    amount = body.minor(name, currency)
    if amount < 0:
        raise Unmappable(body.at(name), "an amount below zero")
    return amount


def refunds(event: Event, body: Node) -> Reading | Ignored:
    """The body of refunds/create. Only its transactions are money: the lines say which goods went back."""
    order = key(event.source.connection, "order", body.identifier("order_id"))
    found = returned(event, body)
    if not found:
        return Ignored("The refund gives back no money by itself; orders/updated says what is left of the order.")
    return Reading(found, (order,))


def returned(event: Event, body: Node, converted: tuple[str, str, Decimal] | None = None) -> tuple[Fact, ...]:
    """The refunds of money in a refund object; as part of an order they are converted (see `refund`)."""
    reason = body.text("note", 1000)
    found = (node for node in body.nodes("transactions") if node.raw("kind") == "refund")
    return tuple(refund(event, node, reason, converted) for node in found)


def refund(
    event: Event, body: Node, reason: str | None = None, converted: tuple[str, str, Decimal] | None = None
) -> Fact:
    """One transaction that gives money back, keyed by its id, however it arrives.

    `converted`: the customer's currency, the order's, and its rate, where an order states both; that statement goes
    first (by rank), since only the order's currency can be counted.
    """
    connection = event.source.connection
    currency = body.currency("currency") if body.has("currency") or converted is None else converted[1]
    amount = _amount(body, "amount", currency)
    if converted and currency == converted[0] != converted[1]:
        theirs, currency, rate = converted
        scale = Decimal(10) ** (money.EXPONENTS[currency] - money.EXPONENTS[theirs])
        amount = money.bounded(rounded(amount * rate * scale), body.at("amount"))
    at = _when(event, body)
    stated = Refund(
        payment=None,
        charge=_named(connection, body),
        amount=amount,
        currency=currency,
        status=_PAYMENT_STATUS.get(body.text("status", 64) or "", "pending"),
        refunded_at=at,
    )
    if reason is not None:
        stated = msgspec.structs.replace(stated, reason=reason)
    own = key(connection, "transaction", body.identifier("id"))
    return state(own, Kind.REFUND, stated, at=at, rank=1 if converted else 0, event=event.id)


def dispute(event: Event, body: Node) -> Reading:
    """The body of disputes/create and disputes/update. An inquiry moves no money, so its steps are warnings."""
    connection = event.source.connection
    currency = body.currency("currency")
    given = body.text("status", 64) or "needs_response"
    inquiry = body.raw("type") == "inquiry"
    status = _INQUIRIES.get(given, "warning_closed" if given == "accepted" else given) if inquiry else given
    opened = body.maybe_time("initiated_at")
    steps = (opened, body.maybe_time("evidence_sent_on"), body.maybe_time("finalized_on"))
    at = max((step for step in steps if step is not None), default=micros(event.received_at))
    stated = Dispute(
        payment=None,
        charge=None,
        amount=_amount(body, "amount", currency),
        currency=currency,
        status="lost" if status == "accepted" else status,
        reason=body.text("reason", 255),
        evidence_due_at=body.maybe_time("evidence_due_by"),
        disputed_at=at if opened is None else opened,
    )
    own = key(connection, "dispute", body.identifier("id"))
    order = body.maybe_identifier("order_id")
    links = (key(connection, "order", order),) if order else ()
    return Reading((state(own, Kind.DISPUTE, stated, at=at, event=event.id),), links)


def fulfillment(event: Event, body: Node) -> Reading:
    """The body of fulfillments/create and fulfillments/update."""
    order = key(event.source.connection, "order", body.identifier("order_id"))
    return Reading((shipment(event, body),), (order,))


def shipment(event: Event, body: Node) -> Fact:
    """One fulfillment, as part of an order or on its own."""
    at = body.maybe_time("updated_at") or body.maybe_time("created_at") or micros(event.received_at)
    stated = Fulfillment(
        status=body.text("status", 64) or "success",
        tracking_url=tracking(body),
        lines={line.identifier("id"): quantity(line) for line in body.nodes("line_items") if line.has("id")},
    )
    own = key(event.source.connection, "fulfillment", body.identifier("id"))
    return state(own, Kind.FULFILLMENT, stated, at=at, event=event.id)


def tracking(body: Node) -> str | None:
    """Where the customer may follow the parcel."""
    listed = body.raw("tracking_urls")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else None
    listed_first = Node({"url": first}, body.at("tracking_urls")).text("url", 2000)
    return web_address(body.text("tracking_url", 2000)) or web_address(listed_first)
