"""The outgoing feed: which events a change of an order is, how a message is signed, when a failed one is sent again."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from handlers.providers.signing import from_base64, hmac_sha256
from schemas.feed import EventType
from schemas.order import Order, PaymentStatus, ShippingStatus, Status

PREFIX = "whsec_"
PAUSES_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between the attempts, as Standard Webhooks suggests: ten attempts in about three days."""
ATTEMPTS = len(PAUSES_S) + 1
LONGEST_S = 86_400
_SPREAD = 0.1

_PAID = {
    PaymentStatus.PAID: EventType.ORDER_PAID,
    PaymentStatus.PARTIALLY_PAID: EventType.ORDER_PARTIALLY_PAID,
    PaymentStatus.OVERDUE: EventType.ORDER_OVERDUE,
    PaymentStatus.REFUNDED: EventType.ORDER_REFUNDED,
    PaymentStatus.FAILED: EventType.ORDER_FAILED,
    PaymentStatus.CANCELED: EventType.ORDER_CANCELED,
}
_MOVED = {
    Status.PROCESSING: EventType.ORDER_PROCESSING,
    Status.COMPLETED: EventType.ORDER_COMPLETED,
    Status.VOID: EventType.ORDER_VOIDED,
}
_SHIPPED = {
    ShippingStatus.PARTIALLY_SHIPPED: EventType.ORDER_PARTIALLY_SHIPPED,
    ShippingStatus.SHIPPED: EventType.ORDER_SHIPPED,
    ShippingStatus.DELIVERED: EventType.ORDER_DELIVERED,
    ShippingStatus.RETURNED: EventType.ORDER_RETURNED,
}


def events_of(before: Order | None, after: Order) -> tuple[EventType, ...]:
    """What is told of a change, in the order in which it is told: that it was made or changed, then what came true by
    it. An order that is born paid was created and paid."""
    return tuple(_events(before, after))


def _events(before: Order | None, after: Order) -> Iterator[EventType]:
    yield EventType.ORDER_UPDATED if before else EventType.ORDER_CREATED
    if (before is None or before.payment_status != after.payment_status) and after.payment_status in _PAID:
        yield _PAID[PaymentStatus(after.payment_status)]
    refunded_before = before.amount_refunded if before else 0
    if after.amount_refunded > refunded_before and after.payment_status != PaymentStatus.REFUNDED:
        yield EventType.ORDER_PARTIALLY_REFUNDED
    disputes_before = {dispute.key for dispute in before.disputes} if before else set()
    if any(dispute.key not in disputes_before for dispute in after.disputes):
        yield EventType.ORDER_DISPUTED
    if (before is None or before.status != after.status) and after.status in _MOVED:
        yield _MOVED[Status(after.status)]
    if (before is None or before.shipping_status != after.shipping_status) and after.shipping_status in _SHIPPED:
        yield _SHIPPED[ShippingStatus(after.shipping_status)]


def secret_of(random: bytes) -> str:
    """A signing secret as Standard Webhooks writes it, made from random bytes."""
    return PREFIX + base64.b64encode(random).decode("ascii")


def signed(identifier: str, stamp: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """The headers of an attempt made at `stamp` (unix seconds): one signature for each secret."""
    parts = (identifier.encode("ascii"), b".", str(stamp).encode("ascii"), b".", body)
    signatures = []
    for secret in secrets:
        key = from_base64(secret.removeprefix(PREFIX))
        if not key:
            raise ValueError("a signing secret is not whsec_ and base64")
        signatures.append("v1," + base64.b64encode(hmac_sha256(key, *parts)).decode("ascii"))
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(stamp),
        "webhook-signature": " ".join(signatures),
    }


def delay_s(attempts: int, delivery: Sequence[str], asked_s: float = 0) -> float | None:
    """Seconds until the next attempt after so many have failed, or None where there is none. Up to a tenth is added,
    spread by the names of the delivery, so that what failed together does not come back together. `asked_s`: what the
    receiver's Retry-After asks for, honoured up to a day."""
    if attempts >= ATTEMPTS:
        return None
    pause = PAUSES_S[max(attempts, 1) - 1]
    spread = int.from_bytes(blake2b(":".join((*delivery, str(attempts))).encode(), digest_size=2).digest(), "big")
    return max(pause * (1 + _SPREAD * spread / 65536), min(asked_s, LONGEST_S))
