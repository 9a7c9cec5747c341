"""The sweep: signals again what the inbox holds and nobody applied, whatever became of the first signal.

In health it finds nothing, so what it rescues is the best single alarm. It needs no Redis to find, only to ring.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from worker.context import Context
from worker.store import inbox
from worker.store.db import transaction

log = structlog.get_logger("upkeep")

PERIOD_S = 1.0
LIMIT = 2000
AGAIN_AFTER = timedelta(seconds=10)
"""How long a repeated signal may take before it is repeated again."""
DEAD_WORKER_AFTER = timedelta(seconds=15)
_LOCK = 0x73776565


async def tick(ctx: Context) -> int:
    """One sweep; how many events were signalled again."""
    async with transaction(ctx.pool) as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        due = await inbox.due(connection, LIMIT)
        if due:
            await inbox.postpone(connection, due, AGAIN_AFTER)
    for event in due:
        ctx.lanes.signal(event.lane, event.account_id, [event.event_id], alone=event.tried)
    if due:
        log.warning("events_signalled_again", events=len(due))
    await _take_up_orphans(ctx)
    return len(due)


async def _take_up_orphans(ctx: Context) -> None:
    """Batches of workers that died: each event has had a try, and is applied alone from now on."""
    async with transaction(ctx.pool) as connection:
        orphans = await inbox.orphaned(connection, DEAD_WORKER_AFTER)
        for batch in orphans:
            await inbox.close_batch(connection, batch["account_id"], batch["id"])
    for batch in orphans:
        log.warning("batch_left_behind", worker=batch["worker"], events=len(batch["event_ids"]))
        for event_id in batch["event_ids"]:
            await inbox.retry(
                ctx.pool, batch["account_id"], event_id, "the worker died while applying it", ctx.settings.max_attempts
            )
