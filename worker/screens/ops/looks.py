"""Looks at an account, shared by all who see the same: however many screens are open, it is read once a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from schemas.account import Reach
from schemas.provider import Lane
from worker.screens.ops.shared import Shared
from worker.store import overview
from worker.store.db import Pool
from worker.store.overview import Overview, Span

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


class Looks:
    """Reads overviews and keeps each for a moment."""

    def __init__(self, pool: Pool, clock: Callable[[], float]) -> None:
        self._pool, self._clock = pool, clock
        self._kept: Shared[tuple[Reach, str], Overview] = Shared("overview")

    async def look(self, reach: Reach, choice: Range) -> Overview:
        return await self._kept.get((reach, choice.key), choice.fresh_s, lambda: self._read(reach, choice))

    async def _read(self, reach: Reach, choice: Range) -> Overview:
        return await overview.read(self._pool, reach, choice.span(self.now()), LANES)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


LOOKS: web.AppKey[Looks] = web.AppKey("looks", Looks)
