"""Looks at an account, shared by all who see the same: however many screens are open, it is read once a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from schemas.account import Reach
from schemas.provider import Lane
from worker.screens.ops.shared import Shared
from worker.store import connection_looks, lanes, overview
from worker.store.connection_looks import Arrivals
from worker.store.db import Pool, acquire
from worker.store.lanes import Recent, Work
from worker.store.overview import Overview, Span
from worker.store.snapshot import snapshot

LANES = tuple(str(lane) for lane in Lane)


class Range(msgspec.Struct, frozen=True):
    """A stretch of time to choose: `key` is what the address says, `fresh_s` how old a look may be."""

    key: str
    label: str
    words: str
    step: timedelta
    steps: int
    fresh_s: float

    @property
    def minutes(self) -> float:
        return self.step.total_seconds() * self.steps / 60

    def span(self, now: datetime) -> Span:
        return Span(now, self.step, self.steps)


RANGES = {
    choice.key: choice
    for choice in (
        Range("10m", "10 min", "last 10 minutes", timedelta(seconds=10), 60, 1.5),
        Range("1h", "1 h", "last hour", timedelta(minutes=1), 60, 4),
        Range("24h", "24 h", "last 24 hours", timedelta(minutes=20), 72, 20),
    )
}
FIRST = RANGES["10m"]


WORK_FRESH_S, RECENT_FRESH_S = 1.5, 4.0


class Looks:
    """Reads overviews, and what lanes have to do, and keeps each for a moment."""

    def __init__(self, pool: Pool, clock: Callable[[], float]) -> None:
        self._pool, self._clock = pool, clock
        self._overviews: Shared[tuple[Reach, str], Overview] = Shared("overview")
        self._works: Shared[Reach, dict[str, Work]] = Shared("lanes' work")
        self._came: Shared[tuple[Reach, str, tuple[str, ...]], dict[str, Arrivals]] = Shared("arrivals")
        self._recents: Shared[Reach, Mapping[str, Recent]] = Shared("lanes' last hour")

    async def look(self, reach: Reach, choice: Range) -> Overview:
        return await self._overviews.get((reach, choice.key), choice.fresh_s, lambda: self._read(reach, choice))

    async def work(self, reach: Reach) -> dict[str, Work]:
        """What each lane has to do. Whether it is paused is of this very moment, so that who pauses it sees it."""
        shared = await self._works.get(reach, WORK_FRESH_S, lambda: self._work(reach))
        async with acquire(self._pool) as connection:
            paused = await lanes.pauses(connection, reach.account_id)
        return {lane: msgspec.structs.replace(one, pause=paused.get(lane)) for lane, one in shared.items()}

    async def recent(self, reach: Reach) -> Mapping[str, Recent]:
        """What came in the last hour, by lane."""
        return await self._recents.get(reach, RECENT_FRESH_S, lambda: self._recent(reach))

    async def arrivals(self, reach: Reach, ids: Sequence[str], choice: Range) -> dict[str, Arrivals]:
        """What came over these connections in the range."""
        return await self._came.get(
            (reach, choice.key, tuple(ids)), choice.fresh_s, lambda: self._arrivals(reach, ids, choice)
        )

    async def _read(self, reach: Reach, choice: Range) -> Overview:
        return await overview.read(self._pool, reach, choice.span(self.now()), LANES)

    async def _work(self, reach: Reach) -> dict[str, Work]:
        async with snapshot(self._pool) as connection:
            return await lanes.work(connection, reach, self.now())

    async def _recent(self, reach: Reach) -> Mapping[str, Recent]:
        async with acquire(self._pool) as connection:
            return await lanes.recent(connection, reach, self.now())

    async def _arrivals(self, reach: Reach, ids: Sequence[str], choice: Range) -> dict[str, Arrivals]:
        async with acquire(self._pool) as connection:
            return await connection_looks.arrivals(connection, reach, ids, choice.span(self.now()))

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


LOOKS: web.AppKey[Looks] = web.AppKey("looks", Looks)
