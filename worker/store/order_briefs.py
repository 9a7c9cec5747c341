"""Orders and payments in brief, as lists beside something else tell of them."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.order_reads import Row
from worker.store.statements import statements

_SQL = statements("order_briefs")


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
    """The orders of these ids that there are, in the order of the ids."""
    return await _read(connection, reach, "read", ids)


async def payments(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
    """The payments of these ids that there are, in the order of the ids."""
    return await _read(connection, reach, "payments", ids)


async def _read(connection: Pooled, reach: Reach, name: str, ids: Sequence[str]) -> list[Row]:
    rows = await connection.fetch(_SQL[name], reach.account_id, ids, reach.owner_id) if ids else []
    found = {row["id"]: row for row in rows}
    return [found[id_] for id_ in ids if id_ in found]
