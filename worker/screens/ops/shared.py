"""What many screens look at at the same moment, read once, however many of them are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
KEPT = 300
"""Things kept at most; beyond it the oldest go."""


class Shared(Generic[K, V]):
    """Keeps what was read for a key, for as long as it is fresh."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: dict[K, tuple[float, asyncio.Task[V]]] = {}

    async def get(self, key: K, fresh_s: float, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """What is kept, if it is fresh or still being read; else what `read` gives."""
        now = asyncio.get_running_loop().time()
        until, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (until <= now or task.cancelled() or task.exception())):
            task = asyncio.create_task(read(), name=self._name)
            self._kept.pop(key, None)
            self._kept[key] = (now + fresh_s, task)
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return await asyncio.shield(task)  # one viewer who leaves must not end the look of the others
