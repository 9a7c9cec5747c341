"""Workers and their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from worker.store.db import Pool, acquire
from worker.store.statements import statements

_SQL = statements("workers")


async def beat(pool: Pool, name: str, host: str, pid: int, running: Mapping[str, int]) -> None:
    """Say that this worker lives. `running`: jobs under way by lane."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["beat"], name, host, pid, dict(running))
        await connection.execute(_SQL["forget"])


async def leave(pool: Pool, name: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["leave"], name)


async def alive(pool: Pool, within: timedelta) -> int:
    """How many workers were heard of within the given time."""
    async with acquire(pool) as connection:
        return int(await connection.fetchval(_SQL["alive"], within) or 0)
