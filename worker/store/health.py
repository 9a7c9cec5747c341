"""What `daybook doctor` asks the database: of all accounts at once, and bounded."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("health")
LIMIT = 10_000


class Health(msgspec.Struct, frozen=True):
    """`now` is the database's clock; `alive` counts the workers heard of within the time asked for."""

    now: datetime
    alive: int
    last_beat: datetime | None
    overdue: int
    overdue_since: datetime | None
    overdue_event: str | None
    dead: int


async def read(connection: Pooled, *, fresh: timedelta, late: timedelta) -> Health:
    beats = await connection.fetchrow(_SQL["heartbeats"], fresh)
    overdue = await connection.fetchrow(_SQL["overdue"], late, LIMIT)
    if beats is None or overdue is None:
        raise AssertionError("a count answers with its row")
    dead = await connection.fetchval(_SQL["dead"], LIMIT)
    since = (overdue["events"], overdue["oldest"], overdue["event"])
    return Health(beats["now"], beats["alive"], beats["last"], *since, dead)
