"""Recurring orders in plain words: how often, what came of a try, what is going on."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.api.offer import Interval
from schemas.recurring import AttemptState
from worker.screens.words import NONE
from worker.store.charge_attempts import Attempt

STATUSES: Mapping[str, str] = {
    "active": "It waits for its next date, or for the next try of a payment that failed.",
    "processing": "A charge is under way, or its outcome is not known.",
    "paused": "Nothing is charged until it is activated.",
    "completed": "Every payment was made, or a person ended it.",
    "failed": "A payment failed for good.",
    "pending": "Its first payment has not succeeded yet.",
}
"""In the order of the chips; `pending` is left out of the list unless it is asked for."""
OPEN_STATES: Mapping[AttemptState, str] = {
    AttemptState.CREATED: "A charge is written down, and sent to Stripe in a moment. Nothing has been charged so far.",
    AttemptState.SENT: "Stripe was asked to take the money, and its answer is awaited. Nothing is charged again before "
    "it is known.",
    AttemptState.UNKNOWN: "Stripe has not said yet what came of the last charge. It is never charged again while "
    "that is unknown: Daybook goes on asking Stripe, and settles it by itself.",
}
KINDS: Mapping[str, str] = {
    "scheduled": "by the schedule",
    "manual": "by hand",
    "method": "new payment method",
}
_OUTCOMES: Mapping[AttemptState, tuple[str, str]] = {
    AttemptState.CREATED: ("pending", "About to be sent"),
    AttemptState.SENT: ("processing", "Answer awaited"),
    AttemptState.UNKNOWN: ("unknown", "Outcome not known yet"),
    AttemptState.SUCCEEDED: ("succeeded", "Paid"),
    AttemptState.DECLINED: ("declined", "Declined"),
    AttemptState.ABANDONED: ("canceled", "Taken back, not charged"),
}


def every(interval: Interval | None) -> str:
    """How often: `every month`, `every 2 weeks`, `every year`."""
    if interval is None:
        return NONE
    unit, count = interval.unit, interval.count
    if unit == "month" and count % 12 == 0:
        return _every("year", count // 12)
    return _every(unit, count)


def _every(unit: str, count: int) -> str:
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def outcome(attempt: Attempt) -> tuple[str, str]:
    """(badge, words) of what came of a try."""
    if attempt.state is AttemptState.ABANDONED and attempt.refused:
        return "refused", "Stripe refused to try"
    return _OUTCOMES[attempt.state]


def why(attempt: Attempt) -> str:
    """Why a try failed, in plain words; empty where it did not."""
    if attempt.state in (AttemptState.SUCCEEDED, AttemptState.CREATED, AttemptState.SENT, AttemptState.UNKNOWN):
        return ""
    if attempt.state is AttemptState.ABANDONED and not attempt.refused:
        return ""
    reason = (attempt.reason or "no reason was given").strip()
    return f"{reason} (never to be tried again)" if attempt.final else reason
