"""What is left to be done, of all accounts at once: for the metrics, so cheap and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("backlog")
LIMIT = 50_000
PENDING = ("received", "retrying", "waiting")


class Backlog(msgspec.Struct, frozen=True):
    """`pending` by state; `oldest_s`: the age of the oldest event that nobody has tried."""

    pending: Mapping[str, int]
    oldest_s: float
    dead: int
    workers: int


async def read(connection: Pooled, alive_within: timedelta) -> Backlog:
    rows = await connection.fetch(_SQL["open_everywhere"], LIMIT)
    counts = {row["state"]: row["events"] for row in rows}
    found = await connection.fetchrow(_SQL["oldest_everywhere"], alive_within)
    if found is None:
        raise AssertionError("a count answers with its row")
    pending = {state: counts.get(state, 0) for state in PENDING}
    return Backlog(pending, max(float(found["oldest_s"]), 0.0), counts.get("dead", 0), found["workers"])
