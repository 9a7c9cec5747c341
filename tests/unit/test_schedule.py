"""Due dates of recurring orders (C2)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import schedule
from handlers.reading import micros, moment
from schemas.recurring import Interval, IntervalUnit

DAY, WEEK, MONTH = IntervalUnit
ZONES = ("UTC", "America/Sao_Paulo", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
anchors = st.integers(0, 3_500_000_000_000_000)
intervals = st.builds(Interval, st.sampled_from(IntervalUnit), st.integers(1, 40))
zones = st.sampled_from(ZONES)


def local(text: str, zone: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


def dates(anchor: str, interval: Interval, count: int, zone: str = "UTC") -> list[str]:
    found = [schedule.due_at(local(anchor, zone), interval, zone, n) for n in range(count)]
    return [moment(at).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for at in found if at is not None]


@pytest.mark.parametrize(
    ("anchor", "interval", "expected"),
    [
        (
            "2026-01-31 09:00",
            Interval(MONTH, 1),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        ("2027-12-31 09:00", Interval(MONTH, 1), ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]),
        (
            "2028-02-29 09:00",
            Interval(MONTH, 12),
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        ("2026-11-30 09:00", Interval(MONTH, 3), ["2026-11-30", "2027-02-28", "2027-05-30"]),
        ("2026-12-28 09:00", Interval(WEEK, 2), ["2026-12-28", "2027-01-11", "2027-01-25"]),
        ("2028-02-28 09:00", Interval(DAY, 1), ["2028-02-28", "2028-02-29", "2028-03-01"]),
    ],
)
def test_C2_month_ends_and_leap_days_are_kept(anchor: str, interval: Interval, expected: list[str]) -> None:
    assert dates(anchor, interval, len(expected)) == [f"{day} 09:00" for day in expected]


def test_C2_the_time_of_day_stays_when_the_clock_changes() -> None:
    assert dates("2026-02-15 09:00", Interval(MONTH, 1), 10, "Europe/Berlin") == [
        f"2026-{month:02}-15 09:00" for month in range(2, 12)
    ]


def test_C2_a_time_that_the_clock_skips_falls_due_an_hour_later_on_that_day_only() -> None:
    assert dates("2026-03-28 02:30", Interval(DAY, 1), 3, "Europe/Berlin") == [
        "2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30",
    ]  # fmt: skip


def test_C2_a_time_that_comes_twice_falls_due_once_at_the_first() -> None:
    at = schedule.due_at(local("2026-10-24 02:30", "Europe/Berlin"), Interval(DAY, 1), "Europe/Berlin", 1)
    assert at is not None
    assert moment(at) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_C2_the_calendar_has_an_end() -> None:
    assert schedule.due_at(local("2026-01-31 09:00", "UTC"), Interval(MONTH, 1000), "UTC", 96) is None
    assert schedule.due_at(local("2026-01-31 09:00", "UTC"), Interval(WEEK, 1000), "UTC", 10**9) is None


@given(anchors, intervals, zones, st.integers(0, 60))
def test_C2_due_dates_grow_and_keep_their_day(anchor: int, interval: Interval, zone: str, n: int) -> None:
    at, later = (schedule.due_at(anchor, interval, zone, number) for number in (n, n + 1))
    assert at is not None
    assert later is not None
    assert at < later
    if interval.unit is MONTH:
        first, found = (moment(when).astimezone(ZoneInfo(zone)) for when in (anchor, at))
        assert found.day == first.day or (found.day < first.day and (found.month % 12) + 1 == _next_month(found))


def _next_month(at: datetime) -> int:
    """The month of the day after: a date before its anchor's day of the month is the last of its month."""
    return moment(micros(at.astimezone(UTC)) + 86_400_000_000).astimezone(at.tzinfo).month


@given(anchors, intervals, zones, st.integers(-(10**15), 2 * 10**15), st.integers(0, 40))
def test_C2_the_latest_due_date_is_the_last_that_has_passed(
    anchor: int, interval: Interval, zone: str, after: int, least: int
) -> None:
    now = anchor + after
    n = schedule.latest(anchor, interval, zone, now, least)
    at, following = (schedule.due_at(anchor, interval, zone, number) for number in (n, n + 1))
    assert n >= least
    assert n == least or (at is not None and at <= now)
    assert following is None or following > now or n == least
    assert following is None or following > now


@given(anchors, intervals, zones, st.integers(0, 2 * 10**15), st.integers(0, 40))
def test_C2_what_follows_is_after_now_and_nothing_lies_between(
    anchor: int, interval: Interval, zone: str, after: int, last: int
) -> None:
    now = anchor + after
    n, at = schedule.following(anchor, interval, zone, now, last)
    assert n > last
    assert at is None or at > now
    before = schedule.due_at(anchor, interval, zone, n - 1)
    assert n - 1 == last or (before is not None and before <= now)
