"""What every room needs to touch the world, made once a process and handed on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from worker.config import Settings
from worker.lanes import Lanes
from worker.store.db import Pool
from worker.vault import Vault


class Trouble:
    """Whether deliveries could not be stored a moment ago, though PostgreSQL answers: its disk is full, say. It wears
    off: a receiver that nobody asks because it is not ready could not find out that it is again."""

    LASTS_S = 10.0

    def __init__(self) -> None:
        self._failed_at: float | None = None

    def failed(self) -> None:
        self._failed_at = time.monotonic()

    def over(self) -> None:
        self._failed_at = None

    @property
    def here(self) -> bool:
        return self._failed_at is not None and time.monotonic() - self._failed_at < self.LASTS_S


@dataclass(frozen=True)
class Context:
    """`clock` gives unix seconds; only tests set it. `draining` is set once the process is told to end."""

    settings: Settings
    pool: Pool
    vault: Vault
    lanes: Lanes
    clock: Callable[[], float] = field(default=time.time)
    more_pools: list[Pool] = field(default_factory=list)
    """Pools that a part opened for itself, so that the process can end them though the part hangs."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: Trouble = field(default_factory=Trouble)


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)
