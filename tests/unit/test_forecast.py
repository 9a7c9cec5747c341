"""What is to come of a recurring order (C2, C3): the dates that the screen shows are those that the rules will keep."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import forecast, recurring, schedule
from handlers.reading import micros, moment
from schemas.recurring import AttemptKind, AttemptState, Interval, IntervalUnit, Outcome, Recurring, RecurringStatus

DAY_S = 86_400
RETRIES = (DAY_S, 3 * DAY_S)


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def plan(first: str = "2026-01-31", *, total: int | None = None, **more: object) -> Recurring:
    anchor = at(first)
    found = Recurring(
        status=RecurringStatus.ACTIVE, anchor_at=anchor, interval=Interval(unit=IntervalUnit.MONTH, count=1),
        timezone="UTC", total_payments=total, next_payment_at=anchor,
    )  # fmt: skip
    return msgspec.structs.replace(found, **more)


def days(dates: list[int]) -> list[str]:
    return [f"{moment(one):%Y-%m-%d}" for one in dates]


def test_C2_the_next_dates_keep_the_ends_of_months() -> None:
    assert days(forecast.upcoming(plan(), at("2026-01-01"), 4)) == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30",
    ]  # fmt: skip


def test_C2_no_more_dates_than_payments_remain_and_none_once_it_has_ended() -> None:
    found = plan(total=3)
    assert days(forecast.upcoming(found, at("2026-01-01"), 6)) == ["2026-01-31", "2026-02-28", "2026-03-31"]
    for status in recurring.FINAL:
        ended = msgspec.structs.replace(found, status=status, next_payment_at=None)
        assert forecast.upcoming(ended, at("2026-01-01"), 6) == []


def test_C4_what_fell_due_in_a_pause_is_one_charge_and_the_dates_after_it_are_the_schedules() -> None:
    paused = plan(total=3, status=RecurringStatus.PAUSED)
    now = at("2026-04-10")
    assert forecast.due_now(paused, now)
    assert days(forecast.upcoming(paused, now, 6)) == ["2026-04-30", "2026-05-31"]


def test_C2_the_last_payment_under_way_is_followed_by_none() -> None:
    now = at("2026-01-31")
    found = recurring.armed(plan(total=1), "attempt", "order", 0, now)
    assert forecast.upcoming(found, now, 6) == []
    assert not forecast.due_now(found, now)


@given(
    unit=st.sampled_from(list(IntervalUnit)), count=st.integers(1, 40), total=st.none() | st.integers(1, 9),
    late=st.integers(0, 400), most=st.integers(1, 8),
)  # fmt: skip
def test_C2_the_dates_shown_are_the_dates_kept(
    unit: IntervalUnit, count: int, total: int | None, late: int, most: int
) -> None:
    """A law: each payment that succeeds at once leaves the next of the dates shown before, and no other."""
    found = plan(total=total, interval=Interval(unit=unit, count=count))
    now = found.anchor_at + late * DAY_S * 1_000_000 - 1
    shown = forecast.upcoming(found, now, most)
    for date in shown:
        assert date > now
        cycle = recurring.to_arm(found, now)
        if forecast.due_now(found, now):  # what is due comes first, and is not among the dates
            found = paid(recurring.armed(found, "a", "o", cycle, now), cycle, now)
            cycle = recurring.to_arm(found, now)
        assert found.next_payment_at == date
        assert schedule.due_at(found.anchor_at, found.interval, found.timezone, cycle) == date
        now = date
        found = paid(recurring.armed(found, "a", "o", cycle, now), cycle, now)
    if len(shown) < most:
        assert found.status is RecurringStatus.COMPLETED or forecast.due_now(found, now)


def paid(found: Recurring, cycle: int, now: int) -> Recurring:
    return settled(found, Outcome(state=AttemptState.SUCCEEDED), cycle, now)


def settled(found: Recurring, outcome: Outcome, cycle: int, now: int) -> Recurring:
    return recurring.settled(
        found, outcome, kind=AttemptKind.SCHEDULED, cycle=cycle, current=True, now=now, intervals_s=RETRIES
    )


@pytest.mark.parametrize("intervals", [(60,), RETRIES, (60, 120, 240)])
def test_C3_the_retries_shown_are_those_that_are_made(intervals: tuple[int, ...]) -> None:
    now = at("2026-01-31")
    outcome = Outcome(state=AttemptState.DECLINED, code="insufficient_funds", reason="insufficient funds")
    found, shown, made = plan(), [], []
    while True:
        found = recurring.settled(
            recurring.armed(found, "a", "o", 0, now), outcome, kind=AttemptKind.SCHEDULED, cycle=0, current=True,
            now=now, intervals_s=intervals,
        )  # fmt: skip
        if found.status is RecurringStatus.FAILED:
            break
        shown = shown or forecast.retries(found, intervals)
        assert found.retry_at is not None
        made.append(now := found.retry_at)
    assert shown == made
    assert len(made) == len(intervals)
    assert forecast.retries(found, intervals) == []
