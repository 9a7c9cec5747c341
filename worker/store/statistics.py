"""What PostgreSQL's planner knows of our tables, kept fresh while they multiply."""

from __future__ import annotations

from collections.abc import Sequence

from worker.store.db import Pool, Pooled, transaction
from worker.store.statements import statements

_SQL = statements("statistics")
TARGET = 10
"""A tenth of what PostgreSQL reads by itself: enough to tell that a table has grown, and over in milliseconds while
deliveries wait for their answers. Its own ANALYZE, a minute later, looks closer."""


async def refresh(pool: Pool) -> list[str]:
    """Analyse the tables that have multiplied since they were last analysed; their names."""
    async with transaction(pool) as connection:
        if not await connection.fetchval(_SQL["try_lock"]):
            return []
        names = [row["name"] for row in await connection.fetch(_SQL["outgrown"])]
        if names:
            await _analyse(connection, names)
    return names


async def of_orders(connection: Pooled) -> None:
    """Analyse what holds orders and contacts as this transaction sees it: one that adds very many rows to small tables
    would look each of them up by plans for small tables, which read all of an account."""
    await _analyse(connection, [row["name"] for row in await connection.fetch(_SQL["of_orders"])])


async def _analyse(connection: Pooled, names: Sequence[str]) -> None:
    await connection.execute(f"SET LOCAL default_statistics_target = {TARGET}")
    await connection.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(names)}")
