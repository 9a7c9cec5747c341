"""Stock as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import asyncpg

from schemas.account import Reach
from schemas.stock import Bucket
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("stock_reads")


async def levels(
    connection: Pooled, account_id: str, keys: Sequence[tuple[str, str]]
) -> list[tuple[str, str, dict[Bucket, Decimal]]]:
    """(sku, location, quantity of every bucket) of each key (sku, location), in the order of the keys."""
    found = {key: dict.fromkeys(Bucket, Decimal(0)) for key in keys}
    rows = await connection.fetch(_SQL["read_levels"], account_id, *map(list, zip(*keys, strict=True))) if keys else []
    for row in rows:
        found[row["sku"], row["location_id"]][Bucket(row["bucket"])] = row["quantity"]
    return [(*key, found[key]) for key in keys]


async def movements(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The movements of these ids that there are, in the order of the ids.

    What is on the shelves is the whole account's to know, and the ledger has to add up to it: so every movement is
    shown, and an order that is beyond reach is null on it.
    """
    if not ids:
        return []
    found = await connection.fetch(_SQL["read_movements"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]
