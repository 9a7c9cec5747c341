"""The time of a report as the address names it: a preset, or days of the account's calendar."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from pydantic import TypeAdapter, ValidationError

from handlers.errors import Refused
from schemas.api.fields import Time

PRESETS = {"month": "This month", "last-month": "Last month", "30d": "30 days", "year": "This year"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Time)
_YEARS = range(1971, 9999)
_ONE = timedelta(days=1)
DAILY = 92
"""Days that are drawn one by one; a longer time is drawn by month."""


class Span(msgspec.Struct, frozen=True):
    """From `since` up to `until`, in UTC; `first` and `last` are the days of the account's calendar that it touches.
    `preset` is empty where days were given."""

    preset: str
    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def first(self) -> date:
        return self.since.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        return (self.until - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def step(self) -> str:
        """How its figures are drawn: by `day` or by `month`."""
        return "day" if (self.last - self.first).days < DAILY else "month"

    @property
    def steps(self) -> list[str]:
        """Each day (`2026-11-21`) or month (`2026-11`) of it."""
        if self.step == "day":
            return [(self.first + timedelta(days=day)).isoformat() for day in range((self.last - self.first).days + 1)]
        months = range(self.first.year * 12 + self.first.month - 1, self.last.year * 12 + self.last.month)
        return [f"{month // 12:04}-{month % 12 + 1:02}" for month in months]

    def part(self, step: str) -> Span:
        """What lies in one day (`2026-11-21`) or month (`2026-11`)."""
        first = date.fromisoformat(step if len(step) > 7 else f"{step}-01")
        after = first + timedelta(days=1) if len(step) > 7 else (first + timedelta(days=31)).replace(day=1)
        since, until = _start(first, self.zone), _start(after, self.zone)
        return Span("", max(self.since, since), min(self.until, until), self.zone)


def span(preset: str, given_from: str | None, given_to: str | None, now: datetime, zone: ZoneInfo) -> Span:
    """The time that is asked for. `given_from`, `given_to`: days, both of them within it, or times as the API takes
    them. Refused (`invalid`) for what is neither, and for a time that ends before it begins."""
    today = now.astimezone(zone).date()
    if given_from or given_to:
        until = _bound("to", given_to, zone, days=1) if given_to else _start(today + _ONE, zone)
        since = _bound("from", given_from, zone) if given_from else until - timedelta(days=30)
        if since >= until:
            raise Refused("invalid", "The first day is after the last.", field="from", remedy="Choose an earlier day.")
        return Span("", since, until, zone)
    month = today.replace(day=1)
    first, last = {
        "month": (month, today),
        "last-month": ((month - _ONE).replace(day=1), month - _ONE),
        "30d": (today - timedelta(days=29), today),
        "year": (today.replace(month=1, day=1), today),
    }[preset]
    return Span(preset, _start(first, zone), _start(last + _ONE, zone), zone)


def _bound(name: str, text: str, zone: ZoneInfo, days: int = 0) -> datetime:
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            if day.year in _YEARS:
                return _start(day + timedelta(days=days), zone)
        else:
            at = _MOMENT.validate_python(text)
            if at.year in _YEARS:
                return at
    except (ValueError, ValidationError):
        pass
    raise Refused("invalid", f"`{name}` is not a day.", field=name, remedy="Write it as 2026-11-21.")


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
