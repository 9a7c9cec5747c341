"""Retention over the API: how long bodies are kept, and how far their pruning is (Q8)."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from schemas.account import Permission
from schemas.api.retention import RetentionBody
from worker.api.operation import Ask, Operations, answer
from worker.store import retention
from worker.store.snapshot import snapshot

OPERATIONS = Operations("events")


@OPERATIONS.declare(
    "GET", "/retention", "Get the progress of retention", permission=Permission.OPS_VIEW, answer=RetentionBody
)
async def get_retention(ask: Ask) -> web.Response:
    """How many days the bodies of settled events are kept, and how far their pruning is. Upkeep looks once an hour."""
    now = datetime.fromtimestamp(ask.ctx.clock(), UTC)
    async with snapshot(ask.ctx.pool) as connection:
        found = await retention.progress(connection, ask.actor.account_id, now)
    return answer(
        RetentionBody(
            days=found.days, pruned_to=found.pruned_to, pruned=found.pruned, left=found.waiting,
            left_capped=found.waiting == retention.COUNTED, unsettled=found.retained, oldest_at=found.oldest_at,
            last_run_at=found.ran_at,
        )
    )  # fmt: skip
