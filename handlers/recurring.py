"""What becomes of a recurring order: its states, its retries, what is due next (C1-C5, settled question 9).

A cycle has one order. Its attempts are that order's payments; the cycle is over once one of them has succeeded. Due
dates that pass meanwhile (in a pause, between retries, while nothing ran) are one charge, and the schedule keeps its
anchor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from handlers import schedule
from handlers.errors import Refused
from schemas.recurring import AttemptKind, AttemptState, Outcome, Recurring, RecurringStatus

PENDING, ACTIVE, PROCESSING, PAUSED, COMPLETED, FAILED = RecurringStatus
FINAL = (COMPLETED, FAILED)
_SECOND = 1_000_000
REFUSED_S, LONGEST_REFUSED_S = 3600, 86_400
"""After how long Stripe is asked again where it refused to try: an hour, then four times as long each time, up to a
day."""


class Happening(StrEnum):
    """What may happen to a recurring order."""

    ARMED = "armed"  # an attempt was written down
    PAID = "paid"  # and more is to come
    LAST_PAID = "last_paid"
    DECLINED = "declined"  # and another try follows
    GIVEN_UP = "given_up"  # declined, and no try follows
    PUT_OFF = "put_off"  # the attempt ended without a try
    PAUSED = "paused"
    ACTIVATED = "activated"
    COMPLETED = "completed"  # by a person


MOVES: Mapping[tuple[RecurringStatus, Happening], RecurringStatus] = {
    (PENDING, Happening.ARMED): PENDING,
    (PENDING, Happening.PAID): ACTIVE,
    (PENDING, Happening.LAST_PAID): COMPLETED,
    (PENDING, Happening.DECLINED): PENDING,
    (PENDING, Happening.GIVEN_UP): FAILED,
    (PENDING, Happening.PUT_OFF): PENDING,
    (PENDING, Happening.PAUSED): PAUSED,
    (PENDING, Happening.COMPLETED): COMPLETED,
    (ACTIVE, Happening.ARMED): PROCESSING,
    (ACTIVE, Happening.PAID): ACTIVE,  # what was taken for declined was paid after all
    (ACTIVE, Happening.LAST_PAID): COMPLETED,
    (ACTIVE, Happening.GIVEN_UP): FAILED,  # what was taken for declined for now is declined for good
    (ACTIVE, Happening.PAUSED): PAUSED,
    (ACTIVE, Happening.COMPLETED): COMPLETED,
    (PROCESSING, Happening.PAID): ACTIVE,
    (PROCESSING, Happening.LAST_PAID): COMPLETED,
    (PROCESSING, Happening.DECLINED): ACTIVE,
    (PROCESSING, Happening.GIVEN_UP): FAILED,
    (PROCESSING, Happening.PUT_OFF): ACTIVE,
    (PROCESSING, Happening.PAUSED): PAUSED,
    (PROCESSING, Happening.COMPLETED): COMPLETED,
    (PAUSED, Happening.PAID): PAUSED,
    (PAUSED, Happening.LAST_PAID): COMPLETED,
    (PAUSED, Happening.GIVEN_UP): FAILED,
    (PAUSED, Happening.ACTIVATED): ACTIVE,  # pending again before its first payment
    (PAUSED, Happening.COMPLETED): COMPLETED,
    (COMPLETED, Happening.PAID): COMPLETED,
    (COMPLETED, Happening.LAST_PAID): COMPLETED,
    (FAILED, Happening.PAID): FAILED,
    (FAILED, Happening.LAST_PAID): FAILED,
}
"""What is not here cannot happen, or is refused."""


def may(found: Recurring, happening: Happening) -> bool:
    return (found.status, happening) in MOVES


def to_arm(found: Recurring, now: int) -> int:
    """The cycle of the next attempt: the one that is not paid yet, or the latest due date that has passed."""
    if found.order_id:
        return found.cycle
    return schedule.latest(found.anchor_at, found.interval, found.timezone, now, found.cycle)


def armed(found: Recurring, attempt_id: str, order_id: str, cycle: int, now: int) -> Recurring:
    """An attempt of this cycle was written down; `next_payment_at` is the due date after it from here on."""
    last = found.payments_remaining is not None and found.payments_remaining <= 1
    _, following = schedule.following(found.anchor_at, found.interval, found.timezone, now, cycle)
    return _moved(
        found, Happening.ARMED, cycle=cycle, order_id=order_id, attempt_id=attempt_id, retry_at=None, held=False,
        next_payment_at=None if last else following,
    )  # fmt: skip


def skipped(found: Recurring, now: int) -> Recurring:
    """The cycle whose order was voided is not charged: the next due date is next."""
    n, at = schedule.following(found.anchor_at, found.interval, found.timezone, now, found.cycle)
    return msgspec.structs.replace(
        found, order_id=None, tries=0, refusals=0, retry_at=None, cycle=n, next_payment_at=at, failure_code=None,
        failure_reason=None,
    )  # fmt: skip


def settled(
    found: Recurring,
    outcome: Outcome,
    *,
    kind: AttemptKind,
    cycle: int,
    current: bool,
    now: int,
    intervals_s: Sequence[int],
) -> Recurring:
    """What follows from what came of an attempt. `kind` and `cycle` are the attempt's; `current`: it is the open one.
    `intervals_s`: seconds from a failure to each further try."""
    ours = found.order_id is not None and cycle == found.cycle
    if outcome.state is AttemptState.SUCCEEDED:
        return _paid(found, now, ours=ours)
    if not current and not (ours and outcome.final):
        return found  # an old attempt, of which nothing new is said
    if outcome.state is AttemptState.DECLINED:
        return _declined(found, outcome, kind, now, intervals_s, current=current)
    return _put_off(found, outcome, now)


def _paid(found: Recurring, now: int, *, ours: bool) -> Recurring:
    made = found.payments_made + 1
    last = found.total_payments is not None and made >= found.total_payments
    if not ours:  # an old cycle, or one that is paid already
        return _counted(found, made, now, last=last)
    n, at = schedule.following(found.anchor_at, found.interval, found.timezone, now, found.cycle)
    done: dict[str, Any] = {
        "payments_made": made, "order_id": None, "tries": 0, "refusals": 0, "retry_at": None, "attempt_id": None,
        "after_outcome": None, "cycle": n,
    }  # fmt: skip
    if found.status is not FAILED:
        done.update(failure_code=None, failure_reason=None)
    if last or at is None:
        paid = _moved(found, Happening.LAST_PAID, **done, next_payment_at=None)
        return _ended(paid, now)
    if found.status in FINAL:
        return _moved(found, Happening.PAID, **done, next_payment_at=None)
    return _wanted(found, _moved(found, Happening.PAID, **done, next_payment_at=at), now)


def _counted(found: Recurring, made: int, now: int, *, last: bool) -> Recurring:
    """One payment more, whatever is under way; where it was the last one, nothing more is begun."""
    counted = msgspec.structs.replace(found, payments_made=made)
    if not last or found.status in FINAL:
        return counted
    if found.attempt_id:
        return msgspec.structs.replace(counted, after_outcome=COMPLETED)
    return _ended(_moved(counted, Happening.LAST_PAID), now)


def _declined(
    found: Recurring, outcome: Outcome, kind: AttemptKind, now: int, intervals_s: Sequence[int], *, current: bool
) -> Recurring:
    tries = found.tries + (current and kind is AttemptKind.SCHEDULED)
    said = {"tries": tries, "attempt_id": None, "failure_code": outcome.code, "failure_reason": outcome.reason}
    if found.after_outcome is COMPLETED:
        return _wanted(found, msgspec.structs.replace(found, **said), now)
    if outcome.final or tries > len(intervals_s):
        if not may(found, Happening.GIVEN_UP):
            return found
        return _moved(
            found,
            Happening.GIVEN_UP,
            **said,
            after_outcome=None,
            retry_at=None,
            refusals=0,
            next_payment_at=None,
            failed_at=now,
        )
    pause = intervals_s[max(tries, 1) - 1] * _SECOND
    kept = found.retry_at if found.retry_at and found.retry_at > now and kind is not AttemptKind.SCHEDULED else None
    return _wanted(found, _moved(found, Happening.DECLINED, **said, refusals=0, retry_at=kept or now + pause), now)


def _put_off(found: Recurring, outcome: Outcome, now: int) -> Recurring:
    if not outcome.refused:
        return _wanted(found, _moved(found, Happening.PUT_OFF, attempt_id=None, retry_at=now), now)
    grown = min(REFUSED_S * 4 ** min(found.refusals, 8), LONGEST_REFUSED_S)
    pause = (outcome.again_s or grown) * _SECOND
    put_off = _moved(
        found, Happening.PUT_OFF, attempt_id=None, retry_at=now + pause, refusals=found.refusals + 1,
        failure_code=outcome.code, failure_reason=outcome.reason,
    )  # fmt: skip
    return _wanted(found, put_off, now)


def _wanted(before: Recurring, after: Recurring, now: int) -> Recurring:
    """What a person asked for while the attempt was under way takes effect now."""
    if before.after_outcome is PAUSED:
        return msgspec.structs.replace(after, status=PAUSED, after_outcome=None)
    if before.after_outcome is COMPLETED:
        return _ended(msgspec.structs.replace(after, status=COMPLETED, after_outcome=None), now)
    return after


def _ended(found: Recurring, now: int) -> Recurring:
    completed_at = found.completed_at or now if found.status is COMPLETED else found.completed_at
    return msgspec.structs.replace(
        found,
        next_payment_at=None,
        retry_at=None,
        refusals=0,
        order_id=None,
        attempt_id=None,
        held=False,
        completed_at=completed_at,
    )


def paused(found: Recurring, now: int, *, sent: bool) -> Recurring:
    """As it is once somebody paused it. `sent`: its open attempt may have reached Stripe, so that a pause has to wait
    for the outcome; an open attempt that has not is to be revoked by who asks."""
    if found.status is PAUSED:
        return found
    _check(found, Happening.PAUSED, "paused")
    if sent:
        return msgspec.structs.replace(found, after_outcome=PAUSED)
    return _moved(found, Happening.PAUSED, **_revoked(found, now))


def activated(found: Recurring) -> Recurring:
    """As it is once somebody activated it: what fell due meanwhile is due now."""
    if found.status is not PAUSED:
        _check(found, Happening.PAUSED, "activated")
        return msgspec.structs.replace(found, after_outcome=None)
    after = _moved(found, Happening.ACTIVATED)
    return after if found.payments_made else msgspec.structs.replace(after, status=PENDING)


def completed(found: Recurring, now: int, *, sent: bool) -> Recurring:
    """As it is once somebody completed it before its last payment. `sent` as in `paused`."""
    if found.status is COMPLETED:
        return found
    _check(found, Happening.COMPLETED, "completed")
    if sent:
        return msgspec.structs.replace(found, after_outcome=COMPLETED)
    return _ended(_moved(found, Happening.COMPLETED, **_revoked(found, now)), now)


def again(found: Recurring, now: int) -> Recurring:
    """An open attempt that was not sent is revoked, so that another may be made at once: the payment method changed."""
    return _moved(found, Happening.PUT_OFF, **_revoked(found, now))


def check_try(found: Recurring, now: int) -> None:
    """Raise Refused (`not_due`) where there is nothing to try by hand: no cycle is unpaid, and none is due."""
    _check(found, Happening.ARMED, "charged")
    if found.attempt_id:
        raise Refused(
            "under_way", "A charge of this recurring order is under way.", field="status",
            remedy="Wait for its outcome: GET its attempts.",
        )  # fmt: skip
    if not found.order_id and (found.next_payment_at is None or found.next_payment_at > now):
        raise Refused(
            "not_due", "Nothing is due: every cycle so far is paid.", field="next_payment_at",
            remedy="Wait for the next payment date; a charge before it is not made.",
        )  # fmt: skip


def _check(found: Recurring, happening: Happening, done: str) -> None:
    if not may(found, happening) and not (happening is Happening.ARMED and found.attempt_id):
        final = found.status in FINAL
        raise Refused(
            "state", f"A recurring order that is {found.status} cannot be {done}.", field="status",
            remedy="That is final: make a new one." if final else "Activate it first.",
        )  # fmt: skip


def _revoked(found: Recurring, now: int) -> dict[str, Any]:
    """The fields of an order whose open attempt, if any, is taken back: its cycle is due again at once."""
    if not found.attempt_id:
        return {}
    return {"attempt_id": None, "retry_at": now}


def _moved(found: Recurring, happening: Happening, **changes: Any) -> Recurring:
    return msgspec.structs.replace(found, status=MOVES[found.status, happening], **changes)
