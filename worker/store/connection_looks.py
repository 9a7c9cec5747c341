"""What the screens show of connections beside what they are: what came, what was refused, when. Reads only, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.overview import Span
from worker.store.own_events import own_events
from worker.store.statements import statements

_SQL = statements("connection_looks")
STEP_LIMIT = 20_000
"""Deliveries of one step that are counted."""
LAST_LIMIT = 10_000
"""Of the newest events, how many are asked for the last delivery that is part of a reader's own orders."""


class ConnectionLook(msgspec.Struct, frozen=True, kw_only=True):
    """`refused` is since the time asked for; `cause` is the most frequent of them."""

    id: str
    last_at: datetime | None
    live: bool
    test: bool
    refused: int
    cause: str | None
    skew_s: int | None
    hint: str | None
    quarantined: int


class Step(msgspec.Struct, frozen=True):
    """What came from its start on, and how much of it had an id that was used before."""

    at: datetime
    events: int
    conflicts: int


class Arrivals(msgspec.Struct, frozen=True):
    """The deliveries of one connection over a span, step by step."""

    steps: tuple[Step, ...] = ()

    @property
    def events(self) -> int:
        return sum(step.events for step in self.steps)

    @property
    def conflicts(self) -> int:
        return sum(step.conflicts for step in self.steps)

    @property
    def capped(self) -> bool:
        return any(step.events >= STEP_LIMIT for step in self.steps)


async def read(connection: Pooled, reach: Reach, ids: Sequence[str], since: datetime) -> dict[str, ConnectionLook]:
    own = await own_events(connection, reach, limit=LAST_LIMIT)
    rows = await connection.fetch(_SQL["looks"], reach.account_id, ids, since, own)
    return {row["id"]: ConnectionLook(**row) for row in rows}


async def arrivals(connection: Pooled, reach: Reach, ids: Sequence[str], span: Span) -> dict[str, Arrivals]:
    """By connection, what came in the span."""
    own = await own_events(connection, reach, span.first_id)
    rows = await connection.fetch(
        _SQL["arrivals"], reach.account_id, ids, span.start, span.last, span.step, STEP_LIMIT, own
    )
    found: dict[str, list[Step]] = {id_: [] for id_ in ids}
    for row in rows:
        found[row["id"]].append(Step(row["at"], row["events"], row["conflicts"]))
    return {id_: Arrivals(tuple(steps)) for id_, steps in found.items()}


async def refusals(connection: Pooled, account_id: str, connection_id: str, span: Span) -> dict[datetime, int]:
    """How many were refused by the start of the step, where any were."""
    rows = await connection.fetch(_SQL["refusals"], account_id, connection_id, span.start, span.step)
    return {row["at"]: row["refused"] for row in rows}
