"""How fast Stripe is asked: so many charges at once, so many begun a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pace:
    """Limits of one process. Whoever waits is let in in the order of arrival."""

    def __init__(self, at_once: int, per_s: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._gap_s = 1 / per_s
        self._next = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        async with self._places:
            clock = asyncio.get_running_loop().time
            now = clock()
            mine = max(now, self._next)
            self._next = mine + self._gap_s
            if mine > now:
                await asyncio.sleep(mine - now)
            yield
