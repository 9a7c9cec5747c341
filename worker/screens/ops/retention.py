"""How long bodies are kept, and how far their pruning is (Q8)."""

from __future__ import annotations

from schemas.account import Permission
from worker.screens.screen import Content, Look, Screens
from worker.store import retention as stored
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)


@SCREENS.declare("/retention", "Retention", sections=("progress",))
async def retention(look: Look) -> Content:
    async with snapshot(look.ctx.pool) as connection:
        found = await stored.progress(connection, look.actor.account_id, look.now)
    return {
        "found": found,
        "counted": stored.COUNTED,
        "share": share(found),
        "account_id": look.actor.account_id,
        "version": (await look.account()).version,
        "may_set": look.actor.may(Permission.SETTINGS_MANAGE),
    }


def share(found: stored.Progress) -> int:
    """How much of what is old enough is done, in percent: 100 only where nothing is left."""
    if found.days is None or not found.waiting:
        return 100
    return min(99, found.pruned * 100 // (found.pruned + found.waiting))
