"""What the screens show of connections beside what they are: what came, what was refused, when. Reads only, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.overview import Span
from worker.store.statements import statements

_SQL = statements("connection_looks")
DELIVERIES_LIMIT = 100_000
STEP_LIMIT = 100_000


class ConnectionLook(msgspec.Struct, frozen=True, kw_only=True):
    """`events`, `conflicts` and `refused` are since the time asked for; `cause` is the most frequent of the refused."""

    id: str
    last_at: datetime | None
    live: bool
    test: bool
    events: int
    conflicts: int
    refused: int
    cause: str | None
    skew_s: int | None
    hint: str | None
    quarantined: int

    @property
    def capped(self) -> bool:
        return self.events >= DELIVERIES_LIMIT


async def read(connection: Pooled, reach: Reach, ids: Sequence[str], since: datetime) -> dict[str, ConnectionLook]:
    rows = await connection.fetch(_SQL["looks"], reach.account_id, ids, since, DELIVERIES_LIMIT, reach.owner_id)
    return {row["id"]: ConnectionLook(**row) for row in rows}


async def arrivals(
    connection: Pooled, reach: Reach, ids: Sequence[str], span: Span
) -> dict[str, list[tuple[datetime, int]]]:
    """By connection, (start, deliveries) of each step of the span, in order."""
    rows = await connection.fetch(
        _SQL["arrivals"], reach.account_id, ids, span.start, span.last, span.step, STEP_LIMIT, reach.owner_id
    )
    found: dict[str, list[tuple[datetime, int]]] = {id_: [] for id_ in ids}
    for row in rows:
        found[row["id"]].append((row["at"], row["events"]))
    return found


async def refusals(connection: Pooled, account_id: str, connection_id: str, span: Span) -> dict[datetime, int]:
    """How many were refused by the start of the step, where any were."""
    rows = await connection.fetch(_SQL["refusals"], account_id, connection_id, span.start, span.step)
    return {row["at"]: row["refused"] for row in rows}
