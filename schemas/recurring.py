"""Recurring orders (C1): a plan that makes an order on each due date and charges it.

A *cycle* is one due date, an *attempt* one try to charge it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RecurringStatus(StrEnum):
    """Where a recurring order stands. `completed` and `failed` are final."""

    PENDING = "pending"  # before its first payment has succeeded
    ACTIVE = "active"
    PROCESSING = "processing"  # a charge is armed, under way, or its outcome is not known
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


class IntervalUnit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Interval(msgspec.Struct, frozen=True):
    """How far apart due dates are: so many days, weeks or months."""

    unit: IntervalUnit
    count: int


class AttemptState(StrEnum):
    """Where an attempt stands. The first, second and fourth are open: a cycle has one open attempt at most."""

    CREATED = "created"  # written down; no money can have moved
    SENT = "sent"  # Stripe was asked to take the money, or is about to be
    UNKNOWN = "unknown"  # asked, and what came of it is not known
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    ABANDONED = "abandoned"  # surely not charged, and never will be


class AttemptKind(StrEnum):
    """Why an attempt is made. Only scheduled ones use up the account's retries."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"  # asked for by a person
    METHOD = "method"  # the customer has a new payment method


class Recurring(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules need to know of a recurring order. Times in microseconds since 1970 (UTC).

    `anchor_at` is the first due date, from which all others are counted in `timezone`. `cycle` is the due date (0 is
    the anchor) that comes next, or the one whose order is not paid yet while `order_id` names that order.
    `next_payment_at` is when that due date is, or was; None when no more comes. `tries` counts the scheduled attempts
    of the cycle that were declined, `refusals` how often in a row Stripe refused to try. `retry_at` is when an unpaid
    cycle is tried again. `after_outcome` is what a person wants it to be once the attempt under way has ended: `paused`
    or `completed`. `attempt_id` names the open attempt. `held` says that what is due waits for a person.
    """

    status: RecurringStatus
    anchor_at: int
    interval: Interval
    timezone: str
    total_payments: int | None = None
    payments_made: int = 0
    cycle: int = 0
    next_payment_at: int | None = None
    order_id: str | None = None
    tries: int = 0
    refusals: int = 0
    retry_at: int | None = None
    attempt_id: str | None = None
    after_outcome: RecurringStatus | None = None
    held: bool = False
    failure_code: str | None = None
    failure_reason: str | None = None
    completed_at: int | None = None
    failed_at: int | None = None

    @property
    def payments_remaining(self) -> int | None:
        """How many payments are left; None where there is no end."""
        return None if self.total_payments is None else max(0, self.total_payments - self.payments_made)

    @property
    def due_at(self) -> int | None:
        """When something is to be done by itself; None where nothing is, or an open attempt says when."""
        if self.status not in (RecurringStatus.PENDING, RecurringStatus.ACTIVE) or self.attempt_id or self.held:
            return None
        return self.retry_at if self.order_id else self.next_payment_at


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt. `state`: succeeded, declined or abandoned; `final`: no further try may be made with this
    payment method (a hard decline); `refused`: Stripe refused to try, and a person has to mend something; `again_s`:
    seconds until it is asked again, where that is not for this recurring order alone to say."""

    state: AttemptState
    code: str | None = None
    reason: str | None = None
    final: bool = False
    refused: bool = False
    again_s: int | None = None
