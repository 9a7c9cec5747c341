"""Events as they are read. Who sees only their own orders sees only the events that those orders are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("event_reads")


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The events of these ids that there are, in the order of the ids."""
    if not ids:
        return []
    found = await connection.fetch(_SQL["read_events"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


async def body(connection: Pooled, reach: Reach, event_id: str) -> tuple[bytes, datetime | None] | None:
    """The raw bytes; none of them where they were pruned, with since when."""
    row = await connection.fetchrow(_SQL["read_body"], reach.account_id, event_id, reach.owner_id)
    return (row["body"], row["pruned_at"]) if row else None


async def sees(connection: Pooled, reach: Reach, event_id: str) -> bool:
    return bool(await connection.fetchval(_SQL["sees"], reach.account_id, event_id, reach.owner_id))
