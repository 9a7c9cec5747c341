"""Reading several tables as they were at one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from worker.store.db import Pool, Pooled, acquire


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Pooled]:
    """A read-only transaction in which every query sees the same state."""
    async with acquire(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection
