"""What is due: recurring orders whose payment date has passed, and attempts that somebody has to look at.

The due dates are in PostgreSQL; a signal only says that somebody should look. Losing all of them costs latency only.
"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from schemas.provider import Lane
from worker.context import Context
from worker.store import charge_attempts, recurring_orders
from worker.store.db import acquire

log = structlog.get_logger("charging")

PERIOD_S = 5.0
LIMIT = 200
WAITING = 400
"""While so many signals wait in the lane, no more are sent: those that wait name what is due."""


async def tick(ctx: Context) -> int:
    """One look; how many recurring orders were signalled."""
    depth = await ctx.lanes.depth()
    if depth.get(Lane.CHARGES, 0) >= WAITING:
        return 0
    now = datetime.fromtimestamp(ctx.clock(), UTC)
    async with acquire(ctx.pool) as connection:
        found = [
            *await recurring_orders.due(connection, now, LIMIT),
            *await charge_attempts.due(connection, now, LIMIT),
        ]
    by_account: dict[str, list[str]] = {}
    for account_id, id_ in found:
        by_account.setdefault(account_id, []).append(id_)
    for account_id, ids in by_account.items():
        signal(ctx, account_id, *ids)
    return len(found)


def signal(ctx: Context, account_id: str, *recurring_ids: str) -> None:
    """Ask for these recurring orders to be looked at, each in a job of its own."""
    ctx.lanes.signal(Lane.CHARGES, account_id, recurring_ids, alone=True)
