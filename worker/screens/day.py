"""Days of a filter, as a date field of a browser sends them, in the account's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, TypeAlias

from pydantic import PlainValidator, TypeAdapter

from schemas.api.fields import Time

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


def _day(value: object) -> datetime:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return _TIME.validate_python(value)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a day that exists") from None
    if not 1970 < found.year < 9998:
        raise ValueError("is not between the years 1971 and 9997")
    return found


Day: TypeAlias = Annotated[datetime, PlainValidator(_day)]
"""A day `2026-11-21`, whose time has no zone yet; or a time of RFC 3339, for links that are exact."""


def begins(day: datetime | None, zone: tzinfo) -> datetime | None:
    """The moment that a filter's first day begins at."""
    return day if day is None or day.tzinfo else day.replace(tzinfo=zone).astimezone(UTC)


def ends(day: datetime | None, zone: tzinfo) -> datetime | None:
    """The moment that a filter's last day, which counts whole, is over."""
    return day if day is None or day.tzinfo else (day + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)


def first_shown(day: datetime | None, zone: tzinfo) -> str:
    """A filter's first day as a date field has it."""
    return "" if day is None else (day.astimezone(zone) if day.tzinfo else day).date().isoformat()


def last_shown(day: datetime | None, zone: tzinfo) -> str:
    """A filter's last day as a date field has it."""
    if day is None:
        return ""
    return ((day - timedelta(microseconds=1)).astimezone(zone) if day.tzinfo else day).date().isoformat()
