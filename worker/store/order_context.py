"""What stands around an order: the names behind its ids, its parent and children, events of it that are not applied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import asyncpg
import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("order_context")
Row: TypeAlias = asyncpg.Record


class Named(msgspec.Struct, frozen=True):
    """`noun`: contact, deal, person (a token), offer or location."""

    noun: str
    name: str


async def names(connection: Pooled, reach: Reach, ids: Iterable[str | None]) -> dict[str, Named]:
    """What these ids mean, by id; those beyond reach, or of nothing that has a name, are left out."""
    asked = sorted({id_ for id_ in ids if id_})
    rows = await connection.fetch(_SQL["names"], reach.account_id, asked, reach.owner_id) if asked else ()
    return {row["id"]: Named(row["noun"], row["name"]) for row in rows}


async def people(connection: Pooled, account_id: str) -> list[tuple[str, str]]:
    """(id, name) of who may own an order, or be in charge of its sale: the first 500 by name."""
    return [(row["id"], row["name"]) for row in await connection.fetch(_SQL["people"], account_id)]


async def recurring_order(connection: Pooled, reach: Reach, order_id: str) -> Row | None:
    """(id, title) of the recurring order that an order belongs to."""
    return await connection.fetchrow(_SQL["recurring_order"], reach.account_id, order_id, reach.owner_id)


async def relatives(connection: Pooled, reach: Reach, order_id: str, parent_id: str | None) -> list[Row]:
    """The parent, where there is one, and the children: 200 of them at most."""
    return await connection.fetch(_SQL["relatives"], reach.account_id, order_id, parent_id, reach.owner_id)


async def merged_numbers(connection: Pooled, account_id: str, order_id: str) -> dict[str, int]:
    """The numbers of orders that turned out to be this one, by their ids."""
    rows = await connection.fetch(_SQL["merged_numbers"], account_id, order_id)
    return {row["order_id"]: row["number"] for row in rows}


async def unsettled_events(connection: Pooled, account_id: str, order_id: str) -> list[Row]:
    """Events of an order that its reader sees which wait, are retried or are dead: the newest eleven."""
    return await connection.fetch(_SQL["unsettled_events"], account_id, order_id)
