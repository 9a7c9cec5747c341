"""Retention (Q8): takes the bodies and headers of events that are settled and older than their account keeps them.

An account's events are looked at once, in the order of their receipt, up to a mark; those that were not settled then
are noted and looked at again. So nothing is scanned, and what waited for long is pruned once it is applied. What was
never applied keeps its body. The rows stay: a second delivery is still known for one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import structlog

from worker import metrics
from worker.context import Context
from worker.ids import LOWEST
from worker.store import retention
from worker.store.db import acquire, transaction
from worker.store.retention import Mark

log = structlog.get_logger("upkeep")

PERIOD_S = 60.0
TURN_S = 20.0
"""How long one tick goes on."""
BATCH = 500
ACCOUNTS = 100
"""Accounts of one tick, at most."""
AGAIN_AFTER = timedelta(hours=1)
"""How long an account rests that was looked at to its end."""


async def tick(ctx: Context) -> int:
    """One look; how many bodies were pruned."""
    until = time.monotonic() + TURN_S
    async with acquire(ctx.pool) as connection:
        accounts = await retention.due(connection, _now(ctx), ACCOUNTS)
    done = 0
    for account_id, days in accounts:
        pruned, more = 0, True
        while more and time.monotonic() < until:
            count, more = await _step(ctx, account_id, days)
            pruned += count
        if pruned:
            log.info("bodies_pruned", account=account_id, events=pruned, days=days)
        done += pruned
    return done


async def _step(ctx: Context, account_id: str, days: int) -> tuple[int, bool]:
    """The next few of an account; how many were pruned, and whether there may be more at once."""
    now = _now(ctx)
    async with transaction(ctx.pool) as connection:
        mark = await retention.take(connection, account_id)
        if mark is None:
            return 0, False
        old = await retention.old(connection, account_id, mark, now - timedelta(days=days), BATCH)
        ids = sorted(event_id for _, event_id in old)
        settled = await retention.prune(connection, account_id, ids, now)
        if left := [event_id for event_id in ids if event_id not in settled]:
            await retention.retain(connection, account_id, left)
        again = await retention.retained(connection, account_id, mark, BATCH)
        late = await retention.prune(connection, account_id, again, now) if again else {}
        if late:
            await retention.let_go(connection, account_id, list(late))
        received_at, event_id = old[-1] if old else (mark.received_at, mark.event_id)
        more = len(old) == BATCH or len(again) == BATCH
        place = Mark(received_at, event_id, again[-1] if len(again) == BATCH else LOWEST)
        pruned = sum(settled.values()) + sum(late.values())
        await retention.go_on(connection, account_id, place, pruned, now, now if more else now + AGAIN_AFTER)
    metrics.bodies_pruned.inc(pruned)
    return pruned, more


def _now(ctx: Context) -> datetime:
    return datetime.fromtimestamp(ctx.clock(), UTC)
