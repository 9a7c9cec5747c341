"""The sweep: signals again what the inbox holds and nobody applied, whatever became of the first signal.

In health it finds nothing, so what it rescues is the best single alarm. It needs no Redis to find, only to ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog
from asyncpg import Record

from schemas.provider import Lane
from worker import metrics
from worker.apply import told
from worker.context import Context
from worker.store import inbox
from worker.store.db import transaction

log = structlog.get_logger("upkeep")

PERIOD_S = 1.0
LIMIT = 2000
AGAIN_AFTER = timedelta(seconds=10)
"""How long a repeated signal may take before it is repeated again."""
KEPT_LIMIT = 2000
"""How many events an account may have received and not applied while more of those are let go that were kept while its
registry was off: new events never wait behind a flood of old ones."""
KEPT_RESCUE_AFTER = timedelta(seconds=30)
"""How long such an event may take before the sweep takes its signal for lost: the lane of bulk work has one slot."""
DEAD_WORKER_AFTER = timedelta(seconds=15)
FORGOTTEN_AFTER = timedelta(minutes=5)
"""No batch runs for so long (arq ends it after two minutes): its row outlived it, since PostgreSQL was away when it
ended, and its worker lives."""
_LOCK = 0x73776565


async def tick(ctx: Context) -> int:
    """One sweep; how many events were signalled again. What was kept while a registry was off, or held by a lane while
    it was paused, is let go as well."""
    await _take_up_orphans(ctx)  # first: what killed a worker is then signalled alone
    async with transaction(ctx.pool) as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        due = await inbox.due(connection, LIMIT)
        if due:
            await inbox.postpone(connection, due, AGAIN_AFTER)
        released = {
            account_id: await inbox.release(connection, account_id, KEPT_LIMIT, KEPT_RESCUE_AFTER)
            for account_id in await inbox.kept_accounts(connection)
        }
        resumed = {
            (account_id, lane): await inbox.release_held(connection, account_id, lane, KEPT_LIMIT, KEPT_RESCUE_AFTER)
            for account_id, lane in await inbox.held_lanes(connection)
        }
    for account_id, event_ids in released.items():
        ctx.lanes.signal(Lane.BULK, account_id, event_ids)
        if event_ids:
            log.info("events_released", account=account_id, events=len(event_ids))
    for (account_id, lane), events in resumed.items():
        let_go(ctx, account_id, lane, events)
    for event in due:
        # Suspects of having killed a worker go through the lane of one slot: side by side in one process, the one that
        # kills would take the others with it each time, until they were dead too.
        lane = Lane.BULK if event.suspect else event.lane
        ctx.lanes.signal(lane, event.account_id, [event.event_id], alone=event.tried)
    metrics.sweep_rescued.inc(sum(not event.tried for event in due))
    if due:
        log.warning("events_signalled_again", events=len(due))
    return len(due)


def let_go(ctx: Context, account_id: str, lane: str, events: Sequence[tuple[str, bool]]) -> None:
    """Signal what a resumed lane held, as (id, tried before), oldest first."""
    ctx.lanes.signal(lane, account_id, [event_id for event_id, tried in events if not tried])
    ctx.lanes.signal(lane, account_id, [event_id for event_id, tried in events if tried], alone=True)
    if events:
        log.info("events_released", account=account_id, lane=lane, events=len(events))


async def _take_up_orphans(ctx: Context) -> None:
    """Batches of workers that died: each event has had a try, and is applied alone from now on. The tries are counted
    by the commit that forgets the batch: the event that killed that worker may kill this one at any moment."""
    tries: dict[tuple[str, str], tuple[str, int]] = {}
    described: dict[tuple[str, str], Record] = {}
    async with transaction(ctx.pool) as connection:
        orphans = await inbox.orphaned(connection, DEAD_WORKER_AFTER)
        for event_id, account_id in sorted((event, row["account_id"]) for row in orphans for event in row["event_ids"]):
            state = await inbox.count_try(
                connection, account_id, event_id, inbox.WORKER_DIED, ctx.settings.max_attempts
            )
            if state:
                tries[account_id, event_id] = state
        for account_id in sorted({account_id for account_id, _ in tries}):
            ids = [event_id for account, event_id in tries if account == account_id]
            for row in await inbox.described(connection, account_id, ids):
                described[account_id, row["id"]] = row
        for batch in orphans:
            await inbox.close_batch(connection, batch["account_id"], batch["id"])
        await inbox.forget_batches(connection, FORGOTTEN_AFTER)
    for (account_id, event_id), row in described.items():
        told.tell(account_id, row, *tries[account_id, event_id], ctx.clock())
    for batch in orphans:
        log.warning("batch_left_behind", worker=batch["worker"], events=len(batch["event_ids"]))
