"""Events as they are read. Who sees only their own orders sees only the events that those orders are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.own_events import own_events
from worker.store.statements import statements

_SQL = statements("event_reads")

Row = asyncpg.Record
SALE_LIMIT = 100
"""Events, payments and changes of one sale that are read."""
STUCK_LIMIT = 10_000
"""Events of a state that are put into groups, the newest."""
GROUP_LIMIT = 100


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
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


async def whole(connection: Pooled, reach: Reach, event_id: str, size: int) -> Row | None:
    """One event with its headers and the first `size` bytes of its body (None once that is pruned)."""
    return await connection.fetchrow(_SQL["read_whole"], reach.account_id, event_id, reach.owner_id, size)


async def same_sale(connection: Pooled, reach: Reach, dossier_id: str) -> list[Row]:
    """The events of one sale, oldest first."""
    return await connection.fetch(_SQL["same_sale"], reach.account_id, dossier_id, reach.owner_id, SALE_LIMIT)


async def sale_of(connection: Pooled, reach: Reach, dossier_id: str) -> Row | None:
    """The order that a sale has become."""
    return await connection.fetchrow(_SQL["sale_of"], reach.account_id, dossier_id, reach.owner_id)


async def sale_payments(connection: Pooled, reach: Reach, dossier_id: str) -> list[Row]:
    return await connection.fetch(_SQL["sale_payments"], reach.account_id, dossier_id, reach.owner_id, SALE_LIMIT)


async def changed_by(connection: Pooled, reach: Reach, order_id: str, event_id: str) -> list[Row]:
    """The entries of an order's timeline that an event made, alone or with others, oldest first."""
    return await connection.fetch(_SQL["changed_by"], reach.account_id, order_id, event_id, reach.owner_id, SALE_LIMIT)


async def stuck(connection: Pooled, reach: Reach, state: str) -> list[Row]:
    """The events of an unsettled state in groups by connection, topic and cause, the largest group first."""
    own = await own_events(connection, reach, limit=0)
    return await connection.fetch(_SQL["stuck"], reach.account_id, state, STUCK_LIMIT, GROUP_LIMIT, own)


async def count_dead(connection: Pooled, reach: Reach, limit: int) -> int:
    """How many events are dead now, counted up to a limit."""
    own = await own_events(connection, reach, limit=0)
    return int(await connection.fetchval(_SQL["count_dead"], reach.account_id, limit, own))
