"""What becomes overdue by itself: unpaid orders whose due date passes."""

from __future__ import annotations

import structlog

from handlers.reading import moment
from worker.apply.rebuild import rebuild
from worker.context import Context
from worker.store import orders
from worker.store.db import acquire, transaction

log = structlog.get_logger("upkeep")

PERIOD_S = 15.0
LIMIT = 500


async def tick(ctx: Context) -> int:
    """One look; how many orders became overdue."""
    now = int(ctx.clock() * 1_000_000)
    async with acquire(ctx.pool) as connection:
        due = await orders.due(connection, moment(now), LIMIT)
    by_account: dict[str, list[str]] = {}
    for account_id, order_id in due:
        by_account.setdefault(account_id, []).append(order_id)
    for account_id, ids in sorted(by_account.items()):
        async with transaction(ctx.pool) as connection:
            await rebuild(connection, account_id, ids, now, "daybook")
    if due:
        log.info("orders_overdue", orders=len(due))
    return len(due)
