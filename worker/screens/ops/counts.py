"""Counts of events that many pages show: each read at most once in a moment, and never counted without end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import asyncpg
from aiohttp import web

from schemas.account import Reach
from worker.screens import words
from worker.screens.ops.event_filter import Wanted
from worker.screens.ops.shared import Shared
from worker.store import event_counts, event_reads
from worker.store.db import Pool
from worker.store.snapshot import snapshot

LIMIT = 10_000
"""Counting stops here; what is more is shown as `10,000+`."""
PATIENCE_MS = 1_500
"""A count is given up after so long: a page is not to wait for it."""
DEAD_FRESH_S, STATES_FRESH_S = 2.0, 4.0


States = Mapping[str, tuple[int, bool]]
"""How many by state, and whether there may be more."""


class Counts:
    """By whose reach and by what is asked for."""

    def __init__(self, pool: Pool, clock: Callable[[], float]) -> None:
        self._pool, self._clock = pool, clock
        self._dead: Shared[Reach, int] = Shared("dead")
        self._states: Shared[tuple[Reach, Wanted], States | None] = Shared("states")

    async def dead(self, reach: Reach) -> str:
        """The dead letters within reach, in words; empty where there are none."""
        found = await self._dead.get(reach, DEAD_FRESH_S, lambda: self._count_dead(reach))
        return words.count(found, capped=found >= LIMIT) if found else ""

    async def states(self, reach: Reach, wanted: Wanted) -> States | None:
        """By state, the events that are wanted; None where counting took too long."""
        return await self._states.get((reach, wanted), STATES_FRESH_S, lambda: self._count_states(reach, wanted))

    async def _count_dead(self, reach: Reach) -> int:
        async with snapshot(self._pool) as connection:
            return await event_reads.count_dead(connection, reach, LIMIT)

    async def _count_states(self, reach: Reach, wanted: Wanted) -> States | None:
        given = wanted.given(datetime.fromtimestamp(self._clock(), UTC))
        try:
            async with snapshot(self._pool) as connection:
                await connection.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
                return await event_counts.by_state(connection, reach, given, LIMIT)
        except asyncpg.QueryCanceledError:
            return None


COUNTS: web.AppKey[Counts] = web.AppKey("counts", Counts)
