"""Workers and their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from worker.store.db import Pool, Pooled, acquire
from worker.store.statements import statements

_SQL = statements("workers")
LIMIT = 200


class WorkerRow(msgspec.Struct, frozen=True):
    """A process that works off the lanes. `running`: jobs under way by lane; `version` is None of one from before that
    was noted."""

    name: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    running: Mapping[str, Any]
    version: str | None


async def beat(pool: Pool, name: str, host: str, pid: int, running: Mapping[str, int]) -> None:
    """Say that this worker lives. `running`: jobs under way by lane."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["beat"], name, host, pid, dict(running), _version())
        await connection.execute(_SQL["forget"])


async def leave(pool: Pool, name: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["leave"], name)


async def alive(pool: Pool, within: timedelta) -> int:
    """How many workers were heard of within the given time."""
    async with acquire(pool) as connection:
        return int(await connection.fetchval(_SQL["alive"], within) or 0)


async def heard_since(connection: Pooled, since: datetime) -> list[WorkerRow]:
    """The workers that were heard of since a time, by name."""
    return [WorkerRow(**row) for row in await connection.fetch(_SQL["heard_since"], since, LIMIT)]


@cache
def _version() -> str:
    return version("daybook")
