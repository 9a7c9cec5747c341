"""The audit: who changed what, kept for 400 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from schemas.account import Reach
from worker.store.db import Pool, Pooled, acquire
from worker.store.statements import statements

_SQL = statements("audit")
KEPT = timedelta(days=400)
BATCH = 1000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did. `details` never hold a secret."""

    account_id: str
    id: str
    at: datetime
    actor: str
    token_id: str
    session: bool
    operation: str
    summary: str
    method: str
    path: str
    status: int
    details: Mapping[str, Any]


async def add(pool: Pool, entry: Entry) -> None:
    async with acquire(pool) as connection:
        await connection.execute(
            _SQL["add"], entry.account_id, entry.id, entry.at, entry.actor, entry.token_id, entry.session,
            entry.operation, entry.summary, entry.method, entry.path, entry.status, dict(entry.details),
        )  # fmt: skip


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The entries of these ids that there are, in the order of the ids."""
    found = await connection.fetch(_SQL["read"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


async def forget(pool: Pool) -> int:
    """Drop a few entries that are older than they are kept; how many."""
    async with acquire(pool) as connection:
        done: str = await connection.execute(_SQL["forget"], KEPT, BATCH)
    return int(done.rsplit(" ", 1)[-1])
