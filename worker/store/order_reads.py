"""Orders as they are read: whole, with their lines, charges and payments, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import asyncpg
import msgspec

from schemas.account import Reach
from schemas.fact import Dossier
from worker.store import dossiers
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("order_reads")
Row: TypeAlias = asyncpg.Record


class OrderRows(msgspec.Struct, frozen=True):
    """The rows of one order, as the tables have them."""

    order: Row
    items: tuple[Row, ...]
    charges: tuple[Row, ...]
    payments: tuple[Row, ...]


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[OrderRows]:
    """The orders of these ids that there are, in the order of the ids. Give a connection of `snapshot`."""
    if not ids:
        return []
    found = await connection.fetch(_SQL["read_orders"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    items, charges, payments = [
        _by_order(await connection.fetch(_SQL[name], reach.account_id, list(rows)))
        for name in ("read_items", "read_charges", "read_payments")
    ]
    return [
        OrderRows(rows[id_], tuple(items.get(id_, ())), tuple(charges.get(id_, ())), tuple(payments.get(id_, ())))
        for id_ in ids
        if id_ in rows
    ]


async def surviving(connection: Pooled, reach: Reach, order_id: str) -> str | None:
    """The order that this one was merged into; None where it was not."""
    found: str | None = await connection.fetchval(_SQL["merged_into"], reach.account_id, order_id, reach.owner_id)
    return found


async def timeline(connection: Pooled, reach: Reach, order_id: str, before: str | None, limit: int) -> list[Row]:
    return await connection.fetch(_SQL["read_timeline"], reach.account_id, order_id, before, limit, reach.owner_id)


async def dossier(connection: Pooled, reach: Reach, order_id: str) -> Dossier | None:
    content: bytes | None = await connection.fetchval(_SQL["read_dossier"], reach.account_id, order_id, reach.owner_id)
    return None if content is None else dossiers.decode(content)


async def owner(connection: Pooled, reach: Reach, order_id: str) -> tuple[str | None, int] | None:
    """(owner, version) of an order; None where there is none."""
    row = await connection.fetchrow(_SQL["owner"], reach.account_id, order_id, reach.owner_id)
    return (row["owner_id"], row["version"]) if row else None


def _by_order(rows: Sequence[Row]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["order_id"], []).append(row)
    return found
