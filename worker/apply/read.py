"""Reading stored events with their adapter: what each states, or why it states nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from handlers.errors import Unmappable
from schemas.fact import Ignored, Reading
from schemas.provider import Event, Fetch, Source
from worker.providers import adapters
from worker.store.inbox import Outcome

_BODY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_HEADERS = msgspec.json.Decoder(dict[str, str])


class Wanted(msgspec.Struct, frozen=True):
    """An event that can be read only once objects have been fetched."""

    event_id: str
    connection: str
    provider: str
    fetches: tuple[Fetch, ...]


Fetched = Mapping[str, Mapping[str, dict[str, Any]]]
"""By event: the fetched objects by the name of the fetch."""


def read_all(
    rows: Sequence[asyncpg.Record], fetched: Fetched
) -> tuple[list[tuple[str, Reading]], list[Outcome], list[Wanted]]:
    """The readings of events that state something, the outcome of those that do not, and what must be fetched first."""
    readings, outcomes, wanted = [], [], []
    for row in rows:
        found = _read(row, fetched.get(row["id"], {}))
        if isinstance(found, Reading):
            readings.append((row["id"], found))
        elif isinstance(found, Wanted):
            wanted.append(found)
        else:
            outcomes.append(found)
    return readings, outcomes, wanted


def _read(row: asyncpg.Record, fetched: Mapping[str, dict[str, Any]]) -> Reading | Outcome | Wanted:
    event_id = row["id"]
    adapter = adapters().get(row["provider"])
    if adapter is None:
        return Outcome(event_id, "dead", f"no adapter for the provider {row['provider']} is installed on this worker")
    try:
        event = Event(
            id=event_id,
            source=Source(row["connection"], settings=row["settings"]),
            topic=row["topic"],
            body=_BODY.decode(row["body"]),
            headers=_HEADERS.decode(row["headers"]),
            received_at=row["received_at"],
            livemode=row["livemode"],
            fetched=fetched,
        )
        missing = tuple(fetch for fetch in adapter.fetches(event) if fetch.name not in fetched)
        if missing:
            return Wanted(event_id, row["connection"], row["provider"], missing)
        found = adapter.facts(event)
    except Unmappable as error:
        return Outcome(event_id, "dead", str(error))
    except msgspec.DecodeError as error:
        return Outcome(event_id, "dead", f"$: the body cannot be read: {error}")
    except RecursionError:
        return Outcome(event_id, "dead", "$: the body is nested too deeply")
    except Exception as error:  # noqa: BLE001  (a fault of the adapter: this event is set aside, the others go on)
        return Outcome(event_id, "dead", f"the adapter failed with {type(error).__name__}: {error}"[:500])
    if isinstance(found, Ignored):
        return Outcome(event_id, "ignored", found.reason)
    return found
