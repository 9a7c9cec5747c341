"""When a recurring order falls due: its first due date plus so many days, weeks or months (C2).

Due dates are counted from the first one, never from the one before, so nothing drifts: 31 Jan, 28 Feb, 31 Mar. They
keep the time of day of the clock on the wall in the recurring order's time zone. Where that time is skipped (the clock
is put forward) the payment falls due as much later as the clock jumps; where it comes twice, at the first of the two.

All moments are microseconds since 1970 (UTC).
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from handlers.reading import micros, moment
from schemas.recurring import Interval, IntervalUnit

_DAYS = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7}
_DAY = 86_400_000_000
LATEST_YEAR = 9998


def due_at(anchor: int, interval: Interval, timezone: str, n: int) -> int | None:
    """The n-th due date after the first (0 is the first itself); None where that is beyond the calendar."""
    if n == 0:
        return anchor
    zone = ZoneInfo(timezone)
    first = moment(anchor).astimezone(zone)
    day = _day(first.date(), interval, n)
    if day is None:
        return None
    wall = datetime.combine(day, first.time().replace(fold=0), tzinfo=zone)
    return micros(wall.astimezone(UTC))


def _day(first: date, interval: Interval, n: int) -> date | None:
    if interval.unit is IntervalUnit.MONTH:
        months = first.year * 12 + first.month - 1 + n * interval.count
        year, month = months // 12, months % 12 + 1
        return None if year > LATEST_YEAR else date(year, month, min(first.day, monthrange(year, month)[1]))
    try:
        found = first + timedelta(days=n * interval.count * _DAYS[interval.unit])
    except OverflowError:
        return None
    return None if found.year > LATEST_YEAR else found


def latest(anchor: int, interval: Interval, timezone: str, now: int, least: int = 0) -> int:
    """The number of the last due date that is not after `now`; `least` where it would be less."""
    n = max(least, _at_least(anchor, interval, now))
    while (following := due_at(anchor, interval, timezone, n + 1)) is not None and following <= now:
        n += 1
    return n


def following(anchor: int, interval: Interval, timezone: str, now: int, after: int) -> tuple[int, int | None]:
    """(number, moment) of the first due date that is after `now` and after the due date numbered `after`; the moment is
    None where there is none any more."""
    n = max(latest(anchor, interval, timezone, now), after) + 1
    return n, due_at(anchor, interval, timezone, n)


def _at_least(anchor: int, interval: Interval, now: int) -> int:
    """A number of a due date that is surely not after `now`, and close to it."""
    if now <= anchor:
        return 0
    longest = 31 if interval.unit is IntervalUnit.MONTH else _DAYS[interval.unit]
    return max(0, (now - anchor) // (_DAY * longest * interval.count) - 1)
