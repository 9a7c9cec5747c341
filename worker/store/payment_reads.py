"""Payments as they are read, with or without an order."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.order_reads import Row
from worker.store.statements import statements

_SQL = statements("payment_reads")


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
    """The payments of these ids that there are, as far as the reader sees, in the order of the ids."""
    if not ids:
        return []
    rows = {
        row["id"]: row for row in await connection.fetch(_SQL["read_payments"], reach.account_id, ids, reach.owner_id)
    }
    return [rows[id_] for id_ in ids if id_ in rows]
