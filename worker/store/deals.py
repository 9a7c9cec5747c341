"""Deals: what a sales person works on, and which orders may belong to."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("deals")


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` is in minor units of `currency`; `version` is that of the row as it was read."""

    id: str
    title: str
    contact_id: str | None = None
    owner_id: str | None = None
    status: str = "open"
    amount: int | None = None
    currency: str | None = None
    version: int = 1


async def add(connection: Pooled, account_id: str, deal: Deal) -> None:
    await connection.execute(_SQL["add_deal"], account_id, *_values(deal))


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[asyncpg.Record]:
    """The deals of these ids that there are, in the order of the ids."""
    if not ids:
        return []
    found = await connection.fetch(_SQL["read_deals"], reach.account_id, ids, reach.owner_id)
    rows = {row["id"]: row for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


async def names(connection: Pooled, reach: Reach, ids: Sequence[str]) -> dict[str, asyncpg.Record]:
    """By deal: the names of its owner and of its customer, as far as the reader sees them."""
    rows = await connection.fetch(_SQL["deal_names"], reach.account_id, ids, reach.owner_id) if ids else []
    return {row["id"]: row for row in rows}


async def totals(connection: Pooled, reach: Reach, deal_id: str) -> list[asyncpg.Record]:
    """What the orders of a deal came to, by currency (O11)."""
    return await connection.fetch(_SQL["deal_totals"], reach.account_id, deal_id, reach.owner_id)


async def hold(connection: Pooled, reach: Reach, deal_id: str) -> Deal | None:
    """A deal to be changed in this transaction; None where there is none within reach."""
    row = await connection.fetchrow(_SQL["hold_deal"], reach.account_id, deal_id, reach.owner_id)
    return Deal(**row) if row else None


async def save(connection: Pooled, account_id: str, deal: Deal) -> None:
    await connection.execute(_SQL["save_deal"], account_id, *_values(deal))


def _values(deal: Deal) -> tuple[object, ...]:
    return (deal.id, deal.title, deal.contact_id, deal.owner_id, deal.status, deal.amount, deal.currency)
