"""Stripe's own subscriptions as they stand beside recurring orders: shown, never charged by Daybook (C8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.merge import view
from handlers.payment import known
from handlers.reading import moment
from schemas.fact import Fact
from schemas.recurring import RecurringStatus
from schemas.stated import Subscription

STATUSES: Mapping[str, RecurringStatus] = {
    "incomplete": RecurringStatus.PENDING,
    "trialing": RecurringStatus.ACTIVE,
    "active": RecurringStatus.ACTIVE,
    "past_due": RecurringStatus.ACTIVE,
    "paused": RecurringStatus.PAUSED,
    "canceled": RecurringStatus.COMPLETED,
    "unpaid": RecurringStatus.FAILED,
    "incomplete_expired": RecurringStatus.FAILED,
}
"""What Stripe calls it, and what it is here (settled question 9)."""
GOES_ON = (RecurringStatus.PENDING, RecurringStatus.ACTIVE)


def subscription_id(key: str) -> str:
    """Stripe's own id in the key of a fact."""
    return key.rsplit(":", 1)[-1]


def row(fact: Fact) -> dict[str, Any]:
    """The columns of the recurring order that a subscription is shown as."""
    stated = view(fact, Subscription)
    status = STATUSES.get(known(stated.status, "incomplete"), RecurringStatus.ACTIVE)
    started = known(stated.started_at, None) or min(statement.at for statement in fact.statements)
    ended = known(stated.ended_at, None) or max(statement.at for statement in fact.statements)
    following = known(stated.current_period_end, None)
    last = status not in GOES_ON or known(stated.cancel_at_period_end, False) or following is None
    customer = known(stated.customer, None)
    return {
        "title": known(stated.title, None) or "Stripe subscription",
        "status": status,
        "livemode": known(stated.livemode, True),
        "currency": known(stated.currency, None),
        "amount": known(stated.amount, None),
        "interval": known(stated.interval, None),
        "anchor_at": moment(started),
        "next_payment_at": None if last or following is None else moment(following),
        "completed_at": moment(ended) if status is RecurringStatus.COMPLETED else None,
        "failed_at": moment(ended) if status is RecurringStatus.FAILED else None,
        "stripe_customer_id": customer.rsplit(":", 1)[-1] if customer else None,
        "stripe_subscription_id": subscription_id(fact.key),
    }
