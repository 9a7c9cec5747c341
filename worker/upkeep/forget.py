"""Drops traces of refused deliveries once they are older than a week."""

from __future__ import annotations

from worker.context import Context
from worker.store import refusals

PERIOD_S = 600.0


async def tick(ctx: Context) -> int:
    return await refusals.forget(ctx.pool)
