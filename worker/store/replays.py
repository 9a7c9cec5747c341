"""Events that are to be applied again: what stands of them, and how they are set back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from schemas.account import Reach
from worker.store.db import Pool, Pooled, acquire
from worker.store.inbox import RESCUE_AFTER
from worker.store.statements import statements

_SQL = statements("replays")
BULK_RESCUE_AFTER = timedelta(seconds=60)
"""How long one of many may take before the sweep takes its signal for lost: the lane of bulk work has one slot."""


async def standing(connection: Pooled, account_id: str, ids: Sequence[str]) -> dict[str, str]:
    """By event, its state."""
    rows = await connection.fetch(_SQL["standing"], account_id, ids)
    return {row["event_id"]: row["state"] for row in rows}


async def hold(connection: Pooled, account_id: str, ids: Sequence[str]) -> dict[str, str]:
    """As `standing`, and nobody else changes them until the end of this transaction."""
    rows = await connection.fetch(_SQL["hold"], account_id, sorted(ids))
    return {row["event_id"]: row["state"] for row in rows}


async def bodiless(connection: Pooled, account_id: str, ids: Sequence[str]) -> set[str]:
    """Those that have no body any more. **Ask after `hold`, in a statement of its own**: what prunes holds them too."""
    return {row["id"] for row in await connection.fetch(_SQL["bodiless"], account_id, ids)}


async def rearm(connection: Pooled, account_id: str, ids: Sequence[str]) -> None:
    """Set events that this transaction holds back to received, in the lane `bulk`."""
    await connection.execute(_SQL["rearm"], account_id, ids, BULK_RESCUE_AFTER)


async def rearm_one(connection: Pooled, account_id: str, event_id: str) -> str | None:
    """Set one event back to received; its lane, or None where there is no such event."""
    lane: str | None = await connection.fetchval(_SQL["rearm_one"], account_id, event_id, RESCUE_AFTER)
    return lane


@asynccontextmanager
async def scratch(pool: Pool) -> AsyncIterator[Pooled]:
    """A transaction of which nothing stays, whatever happens in it."""
    async with acquire(pool) as connection:
        undone = connection.transaction()
        await undone.start()
        try:
            await connection.execute(_SQL["impatient"])
            yield connection
        finally:
            if not connection.is_closed():
                await undone.rollback()


async def stored(connection: Pooled, account_id: str, ids: Sequence[str]) -> list[asyncpg.Record]:
    """Events as `worker.apply.read` reads them, whatever their state."""
    return list(await connection.fetch(_SQL["stored"], account_id, ids))


async def numbers(connection: Pooled, reach: Reach, ids: Sequence[str]) -> dict[str, int]:
    """The numbers of these orders, of those within reach."""
    rows = await connection.fetch(_SQL["numbers"], reach.account_id, ids, reach.owner_id)
    return {row["id"]: row["number"] for row in rows}
