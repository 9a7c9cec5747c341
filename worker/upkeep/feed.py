"""What the feed keeps no longer: old events with their deliveries, secrets that were replaced, subscribers removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from worker.context import Context
from worker.store import deliveries, subscribers

log = structlog.get_logger("upkeep")

PERIOD_S = 60.0
BATCH = 500
BATCHES = 20
"""At most so many a tick, each in a transaction of its own."""


async def tick(ctx: Context) -> int:
    """One look; how many rows of deliveries and events went."""
    now = datetime.fromtimestamp(ctx.clock(), UTC)
    await subscribers.forget_former(ctx.pool, now)
    gone = unsent = 0
    for _ in range(BATCHES):
        events, never_sent = await deliveries.forget(ctx.pool, now - timedelta(days=ctx.settings.feed_days), BATCH)
        removed = await subscribers.forget_removed(ctx.pool, BATCH)
        gone, unsent = gone + events + removed, unsent + never_sent
        if not events and not removed:
            break
    if unsent:
        log.warning("feed_events_expired", unsent=unsent)
    return gone
