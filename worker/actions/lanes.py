"""Pausing lanes, and letting them go on (D2)."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from schemas.account import Actor
from schemas.provider import Lane
from worker.actions import accounts
from worker.charging import due
from worker.context import Context
from worker.logs import said
from worker.store import inbox, lanes
from worker.store.db import transaction
from worker.upkeep import sweep

log = structlog.get_logger("lanes")


async def pause(ctx: Context, actor: Actor, lane: Lane) -> None:
    """Every batch that begins from here on leaves the lane's events as they are; what is under way ends. Of `charges`
    it is the account's switch that stops all charging. A lane that is paused stays so, as it was."""
    now = datetime.fromtimestamp(ctx.clock(), UTC)
    if lane is Lane.CHARGES:
        changes = {"charging_stopped": True}
        await accounts.change(ctx.pool, actor.account_id, changes, now=now, by=actor.label)
    else:
        async with transaction(ctx.pool) as connection:
            await lanes.pause(connection, actor.account_id, lane, now, actor.label)
    log.info("lane_paused", account=actor.account_id, lane=lane)


async def resume(ctx: Context, actor: Actor, lane: Lane) -> None:
    """What the lane held is applied, the oldest first: the first part is signalled at once, the rest by the sweep as
    that is worked off. Harmless where it is not paused."""
    if lane is Lane.CHARGES:
        await accounts.change(ctx.pool, actor.account_id, {"charging_stopped": False})
        await _ring(ctx)
    else:
        async with transaction(ctx.pool) as connection:
            await lanes.resume(connection, actor.account_id, lane)
            released = await inbox.release_held(
                connection, actor.account_id, lane, sweep.KEPT_LIMIT, sweep.KEPT_RESCUE_AFTER
            )
        sweep.let_go(ctx, actor.account_id, lane, released)
    log.info("lane_resumed", account=actor.account_id, lane=lane)


async def _ring(ctx: Context) -> None:
    """Look at once for what is due to be charged."""
    try:
        await due.tick(ctx)
    except Exception as error:  # noqa: BLE001  (Valkey is away, say: every worker looks again within seconds)
        log.warning("charges_not_signalled", error=type(error).__name__, message=said(error))
