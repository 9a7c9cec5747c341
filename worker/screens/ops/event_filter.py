"""What the list of events is asked for: by the address, and by what is written into its search field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BeforeValidator, Field

from handlers import event_search
from schemas.api.event import Reason, State
from schemas.api.fields import Cursor, Short, Text, Time, Wire

RANGES = {"10m": timedelta(minutes=10), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
RANGE_LABELS = {"": "Any time", "10m": "10 min", "1h": "1 h", "24h": "24 h", "7d": "7 d"}
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")


def _in_utc(value: Any) -> Any:
    """A form's time has no zone: the ops screens speak UTC."""
    if isinstance(value, str) and _WITHOUT_ZONE.fullmatch(value):
        return f"{value}:00Z" if len(value) == 16 else f"{value}Z"
    return value


Moment = Annotated[Time, BeforeValidator(_in_utc)]


class EventsQuery(Wire):
    """The filters of GET /api/v1/events, a range that goes with the clock, and a `q` that may name fields."""

    q: Short | None = None
    state: State | None = None
    connection: Text | None = None
    topic: Text | None = None
    reason: Reason | None = None
    range: Literal["10m", "1h", "24h", "7d"] | None = None
    received_from: Moment | None = None
    received_to: Moment | None = None
    cursor: Cursor | None = Field(None)


class Wanted(msgspec.Struct, frozen=True):
    """The events that are asked for: what is written into the search field goes before the rest of the address."""

    state: str | None
    connection: str | None
    topic: str | None
    reason: str | None
    q: str | None
    range: str | None
    received_from: datetime | None
    received_to: datetime | None

    @classmethod
    def of(cls, asked: EventsQuery) -> Wanted:
        """Raises Refused (`invalid`, field `q`) for a search that is not understood."""
        said = event_search.parse(asked.q or "")
        return cls(
            state=said.state or asked.state,
            connection=said.connection or asked.connection,
            topic=said.topic or asked.topic,
            reason=asked.reason,
            q=said.q,
            range=asked.range,
            received_from=asked.received_from,
            received_to=asked.received_to,
        )

    def given(self, now: datetime) -> dict[str, Any]:
        """As the API is asked: the filters that are set."""
        since = now - RANGES[self.range] if self.range else None
        fields = {
            "state": self.state,
            "connection": self.connection,
            "topic": self.topic,
            "reason": self.reason,
            "q": self.q,
            "received_from": max(filter(None, (since, self.received_from)), default=None),
            "received_to": self.received_to,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def any(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__struct_fields__)


def as_json(given: Mapping[str, Any]) -> str:
    """Filters as the API takes them in a body."""
    return msgspec.json.encode(given).decode()
