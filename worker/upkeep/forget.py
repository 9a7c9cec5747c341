"""Drops what is kept for a while only: traces of refused deliveries after a week, answers under an idempotency key
after a day, the audit after 400 days."""

from __future__ import annotations

from worker.context import Context
from worker.store import audit, idempotency_keys, refusals

PERIOD_S = 600.0
BATCHES = 200
"""Of each at most in one tick; what is left is dropped by the next."""


async def tick(ctx: Context) -> int:
    """How many statements were needed."""
    done = await refusals.forget(ctx.pool)
    for _ in range(BATCHES):
        done += 1
        if await idempotency_keys.forget(ctx.pool) < idempotency_keys.BATCH:
            break
    for _ in range(BATCHES):
        done += 1
        if await audit.forget(ctx.pool) < audit.BATCH:
            break
    return done
