"""Takes up checkouts whose opening nobody is at: their opener was killed, or Stripe gave no clear answer."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from handlers.errors import Refused
from worker.actions import checkouts as actions
from worker.context import Context
from worker.logs import said
from worker.store import checkouts
from worker.store.db import transaction

log = structlog.get_logger("upkeep")

PERIOD_S = 5.0
LIMIT = 1
"""Taken up at once: a call may take half a minute, and a tick has one."""
ROUNDS = 20


async def tick(ctx: Context) -> int:
    """One look; how many checkouts were taken up."""
    began, done = ctx.clock(), 0
    for _ in range(ROUNDS):
        now = datetime.fromtimestamp(ctx.clock(), UTC)
        async with transaction(ctx.pool) as connection:
            due = await checkouts.take_up(connection, now, now + actions.TAKEN, LIMIT)
        for account_id, checkout_id in due:
            try:
                await actions.advance(ctx, account_id, checkout_id)
            except Refused as refused:  # no key any more: it stays, and is tried again
                log.warning("checkout_not_taken_up", checkout=checkout_id, message=said(refused))
        done += len(due)
        if not due or ctx.clock() - began > PERIOD_S:
            break
    return done
