"""Keeps the planner's statistics fresh while tables multiply.

A plan is cached at its first use, on a young instance while tables are all but empty: it takes any index for as good as
the right one. PostgreSQL's own ANALYZE comes once a minute at best, and a first burst would read with that plan what
grows under it. An ANALYZE makes every session plan anew.
"""

from __future__ import annotations

import asyncio

import structlog

from worker.context import Context
from worker.errors import DATABASE_ERRORS
from worker.store import statistics
from worker.store.db import Pool

log = structlog.get_logger("upkeep")

PERIOD_S = 2.0


async def tick(ctx: Context) -> int:
    """One look; how many tables were analysed."""
    return len(await statistics.refresh(ctx.pool))


async def keep_fresh(pool: Pool) -> None:
    """For a receiver, which may be alone: look for ever."""
    while True:
        await asyncio.sleep(PERIOD_S)
        try:
            await statistics.refresh(pool)
        except DATABASE_ERRORS as error:
            log.warning("statistics_not_refreshed", error=type(error).__name__)
