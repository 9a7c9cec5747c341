"""Stripe: webhook deliveries of every API version since 2017 (docs.stripe.com/webhooks, docs.stripe.com/api/events).

- Signature: `Stripe-Signature: t=<unix s>,v1=<hex>[,v1=...]`, HMAC-SHA256 over `t.body`, keyed with the whole secret
  text, `whsec_` included. Several `v1` while a secret is rolled; `v0` never counts (downgrade).
- The event id is the same on every redelivery. `created` has whole seconds and orders nothing by itself, so topics have
  a rank that decides within one second.
- Shapes follow the endpoint's API version: since 2025-03-31.basil a payment intent no longer names its invoice and an
  invoice no longer names its payment; `invoice_payment.paid` links them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from handlers.errors import Unmappable
from handlers.providers import stripe_invoices, stripe_objects, stripe_payments, stripe_sessions
from handlers.providers.signing import (
    SIGNATURES_LIMIT,
    VERIFIED,
    WRONG,
    from_hex,
    hmac_sha256,
    missing,
    off_clock,
    refused,
    same,
    tolerance_of,
)
from handlers.providers.stripe_objects import Context
from handlers.reading import Node
from schemas.fact import Ignored, Reading
from schemas.provider import Cause, Delivery, Event, Fetch, Identity, Lane, Source, Verification

PROVIDER = "stripe"

Reader = Callable[[Node, Context], Reading | Ignored]
READERS: Mapping[str, tuple[Reader, int]] = {
    "checkout.session.completed": (stripe_sessions.session, 4),
    "checkout.session.async_payment_succeeded": (stripe_sessions.session, 8),
    "checkout.session.async_payment_failed": (stripe_sessions.session, 6),
    "checkout.session.expired": (stripe_sessions.session, 7),
    "payment_intent.created": (stripe_payments.payment_intent, 0),
    "payment_intent.requires_action": (stripe_payments.payment_intent, 2),
    "payment_intent.amount_capturable_updated": (stripe_payments.payment_intent, 4),
    "payment_intent.partially_funded": (stripe_payments.payment_intent, 4),
    "payment_intent.processing": (stripe_payments.payment_intent, 4),
    "payment_intent.payment_failed": (stripe_payments.payment_intent, 6),
    "payment_intent.canceled": (stripe_payments.payment_intent, 7),
    "payment_intent.succeeded": (stripe_payments.payment_intent, 8),
    "charge.pending": (stripe_payments.charge, 3),
    "charge.failed": (stripe_payments.charge, 5),
    "charge.expired": (stripe_payments.charge, 7),
    "charge.succeeded": (stripe_payments.charge, 7),
    "charge.captured": (stripe_payments.charge, 8),
    "charge.updated": (stripe_payments.charge, 9),
    "charge.refunded": (stripe_payments.charge, 10),
    "charge.refund.updated": (stripe_payments.refund, 2),
    "refund.created": (stripe_payments.refund, 1),
    "refund.updated": (stripe_payments.refund, 2),
    "refund.failed": (stripe_payments.refund, 3),
    "charge.dispute.created": (stripe_payments.dispute, 1),
    "charge.dispute.updated": (stripe_payments.dispute, 2),
    "charge.dispute.funds_withdrawn": (stripe_payments.dispute, 3),
    "charge.dispute.funds_reinstated": (stripe_payments.dispute, 4),
    "charge.dispute.closed": (stripe_payments.dispute, 5),
    "invoice.created": (stripe_invoices.invoice, 0),
    "invoice.finalized": (stripe_invoices.invoice, 1),
    "invoice.updated": (stripe_invoices.invoice, 2),
    "invoice.payment_failed": (stripe_invoices.invoice, 3),
    "invoice.payment_action_required": (stripe_invoices.invoice, 4),
    "invoice.marked_uncollectible": (stripe_invoices.invoice, 5),
    "invoice.voided": (stripe_invoices.invoice, 6),
    "invoice.paid": (stripe_invoices.invoice, 7),
    "invoice.payment_succeeded": (stripe_invoices.invoice, 7),
    "invoice_payment.paid": (stripe_invoices.invoice_payment, 7),
    "credit_note.created": (stripe_invoices.credit_note, 1),
    "credit_note.voided": (stripe_invoices.credit_note, 2),
    "customer.subscription.created": (stripe_objects.subscription, 0),
    "customer.subscription.updated": (stripe_objects.subscription, 1),
    "customer.subscription.resumed": (stripe_objects.subscription, 2),
    "customer.subscription.paused": (stripe_objects.subscription, 3),
    "customer.subscription.deleted": (stripe_objects.subscription, 4),
}
TOPICS = tuple(READERS)
_PATH = re.compile(r"/v1(/[A-Za-z0-9_]+)+")
_MONEY = ("checkout.", "payment_intent.", "charge.", "refund.", "invoice", "credit_note.")


class _Head(msgspec.Struct):
    """The few fields that the door needs; of any type, since nothing is known of the body yet."""

    id: Any = None
    type: Any = None
    created: Any = None
    livemode: Any = None
    snapshot_event: Any = None


_HEAD = msgspec.json.Decoder(_Head)


def verify(delivery: Delivery, source: Source) -> Verification:
    """Check `Stripe-Signature` against every secret of the connection."""
    header = delivery.headers.get("stripe-signature")
    if not header:
        return missing("Stripe-Signature")
    timestamp, candidates = "", []
    for part in header.split(",")[:SIGNATURES_LIMIT]:
        name, _, value = part.strip().partition("=")
        if name == "t":
            timestamp = value
        elif name == "v1":
            candidates.append(value)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12) or not candidates:
        return refused(Cause.MALFORMED_HEADER, "The header Stripe-Signature is not of the form t=...,v1=....")
    signatures = [signature for value in candidates if (signature := from_hex(value))]
    for secret in filter(None, source.secrets):
        expected = hmac_sha256(secret, timestamp.encode(), b".", delivery.body)
        if any(same(expected, signature) for signature in signatures):
            return off_clock(int(timestamp), delivery.now, tolerance_of(source.settings)) or VERIFIED
    return WRONG


def identify(delivery: Delivery, source: Source) -> Identity:
    """The event id is the delivery id; the same id with other bytes is another delivery."""
    try:
        head = _HEAD.decode(delivery.body)
    except (msgspec.DecodeError, RecursionError):
        head = _Head()
    topic = head.type if isinstance(head.type, str) else ""
    delivery_id = _delivery_id(head)
    digest = hashlib.sha256(delivery.body).digest()
    return Identity(
        topic=topic,
        delivery_id=delivery_id,
        dedupe=((delivery_id or topic).encode("utf-8", "replace"), digest),
        lane=Lane.PAYMENTS if topic.removeprefix("v1.").startswith(_MONEY) else Lane.ORDERS,
        sound=bool(delivery_id) and not head.snapshot_event,  # a thin event and its snapshot differ in their bytes
        livemode=head.livemode is not False,
        occurred_at=_moment(head.created),
    )


def _delivery_id(head: _Head) -> str:
    """The event's id; of a thin event that mirrors a snapshot, the snapshot's, so that the two are one delivery."""
    for value in (head.snapshot_event, head.id):
        if isinstance(value, str) and value:
            return value
    return ""


def _moment(created: Any) -> datetime | None:
    try:
        if isinstance(created, int) and not isinstance(created, bool):
            return datetime.fromtimestamp(created, UTC)
        if isinstance(created, str) and len(created) < 64:
            parsed = datetime.fromisoformat(created)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def fetches(event: Event) -> tuple[Fetch, ...]:
    """A thin event names its object: it is fetched where the event is one that counts."""
    if event.body.get("object") != "v2.core.event" or event.topic.removeprefix("v1.") not in READERS:
        return ()
    related = Node(event.body).node("related_object")
    path = related.text("url", 1000) or ""
    if not _PATH.fullmatch(path):  # our API key goes with the request
        raise Unmappable(related.at("url"), f"{path[:80]!r} is not a path of Stripe's API")
    return (Fetch(_fetch_name(related), path),)


def _fetch_name(related: Node) -> str:
    return f"stripe:{related.identifier('id')}"


def facts(event: Event) -> Reading | Ignored:
    """What the event states, whatever the API version of its shape."""
    body = Node(event.body)
    topic = event.topic.removeprefix("v1.")
    if topic not in READERS:
        return Ignored(f"Daybook does not act on {event.topic or 'an event without a type'}")
    reader, rank = READERS[topic]
    if body.raw("object") == "v2.core.event":
        at = body.time("created")
        target = Node(event.fetched[_fetch_name(body.node("related_object"))], "fetched")
        account = body.maybe_identifier("context")
    else:
        at = body.unix("created") if body.has("created") else int(event.received_at.timestamp() * 1_000_000)
        target = body.node("data").node("object")
        account = body.maybe_identifier("account")
    orders_from = event.source.settings.get("orders_from", ("checkout", "invoice"))
    prefix = f"stripe:{account}:" if account else "stripe:"
    return reader(
        target, Context(topic, at, rank, event.id, prefix, event.livemode, event.source.connection, tuple(orders_from))
    )


_ANSWERED = {
    "succeeded": "payment_intent.succeeded",
    "processing": "payment_intent.processing",
    "requires_action": "payment_intent.requires_action",
    "canceled": "payment_intent.canceled",
}


def answered(intent: Mapping[str, Any], source: Source, at: int, name: str) -> Reading | Ignored:
    """What a payment intent states that Stripe gave us in an answer at this moment (microseconds): the same as in an
    event. `name`: who asked."""
    node = Node(dict(intent), "payment_intent")
    failed = node.maybe_node("last_payment_error") is not None
    topic = _ANSWERED.get(
        str(node.raw("status")), "payment_intent.payment_failed" if failed else "payment_intent.created"
    )
    reader, rank = READERS[topic]
    made = node.maybe_unix("created") or 0
    orders_from = tuple(source.settings.get("orders_from", ("checkout", "invoice")))
    livemode = node.raw("livemode") is not False
    # Never before the intent was made, whatever our clock says.
    context = Context(topic, max(at, made + 1), rank, name, "stripe:", livemode, source.connection, orders_from)
    return reader(node, context)


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers that Stripe would send with the body."""
    timestamp = str(int(now))
    signature = hmac_sha256(secret, timestamp.encode(), b".", body).hex()
    return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": f"t={timestamp},v1={signature}"}
