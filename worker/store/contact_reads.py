"""Contacts as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("contact_reads")


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The contacts of these ids that there are, in the order of the ids."""
    if not ids:
        return []
    found = await connection.fetch(_SQL["read_contacts"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


async def totals(connection: Pooled, reach: Reach, contact_id: str) -> list[asyncpg.Record]:
    """A contact's lifetime totals, by currency (O11)."""
    return await connection.fetch(_SQL["contact_totals"], reach.account_id, contact_id, reach.owner_id)
