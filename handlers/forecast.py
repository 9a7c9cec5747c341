"""What is to come of a recurring order, as far as it can be said: its next due dates, and its retries (C2, C3)."""

from __future__ import annotations

from collections.abc import Sequence

from handlers import schedule
from handlers.recurring import FINAL
from schemas.recurring import Recurring

_SECOND = 1_000_000


def due_now(found: Recurring, now: int) -> bool:
    """Whether a due date has passed for which no order was made yet: it is one charge, however many have passed."""
    waits = found.order_id is None and found.status not in FINAL
    return waits and found.next_payment_at is not None and found.next_payment_at <= now


def upcoming(found: Recurring, now: int, most: int) -> list[int]:
    """The due dates to come, at most so many, if each payment succeeds when it is due. A payment that is due already,
    or was tried and is not paid, is none of them, but one of those that remain."""
    if found.status in FINAL or found.next_payment_at is None:
        return []
    begun = found.order_id is not None or due_now(found, now)
    remaining = found.payments_remaining
    left = most if remaining is None else min(most, remaining - begun)
    dates = [] if begun else [found.next_payment_at]
    after = found.cycle
    while len(dates) < left:
        after, at = schedule.following(found.anchor_at, found.interval, found.timezone, now, after)
        if at is None:
            break
        dates.append(at)
    return dates


def retries(found: Recurring, intervals_s: Sequence[int]) -> list[int]:
    """When a payment that failed is tried again, and when after that if each of these tries fails as soon as it is
    made. `intervals_s`: seconds from a failure to each further try."""
    if found.order_id is None or found.retry_at is None or found.status in FINAL:
        return []
    dates = [found.retry_at]
    for pause in intervals_s[found.tries :]:
        dates.append(dates[-1] + pause * _SECOND)
    return dates
