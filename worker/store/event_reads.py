"""Events as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("event_reads")


async def read(connection: Pooled, account_id: str, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The events of these ids that there are, in the order of the ids."""
    rows = {row["id"]: row for row in await connection.fetch(_SQL["read_events"], account_id, ids)} if ids else {}
    return [rows[id_] for id_ in ids if id_ in rows]


async def body(connection: Pooled, account_id: str, event_id: str) -> bytes | None:
    found: bytes | None = await connection.fetchval(_SQL["read_body"], account_id, event_id)
    return found
