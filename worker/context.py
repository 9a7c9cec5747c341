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


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)
