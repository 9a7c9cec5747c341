"""What Stripe manages is locked (O6)."""

from __future__ import annotations

from collections.abc import Iterable

from handlers.errors import Locked
from schemas.order import ManagedBy, Order

LOCKED = (
    "amount", "amount_paid", "amount_refunded", "charges", "currency", "is_paid", "items", "paid_at", "payment_status",
    "shipping_amount",
)  # fmt: skip


def locked_fields(managed_by: str) -> tuple[str, ...]:
    """The fields that nobody but Stripe may change on an order managed so."""
    return LOCKED if managed_by == ManagedBy.STRIPE else ()


def check(order: Order, fields: Iterable[str]) -> None:
    """Raise Locked if any of the fields is locked on this order."""
    refused = sorted(set(fields) & set(locked_fields(order.managed_by)))
    if refused:
        raise Locked(tuple(refused))
