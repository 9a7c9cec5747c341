"""The workers screen: the processes that work off the lanes, how each is, and what it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from schemas.account import Permission
from schemas.provider import Lane
from worker.lanes import DOES, SLOTS
from worker.screens import heartbeats
from worker.screens.screen import Content, Look, Screens
from worker.store import workers as store
from worker.store.db import acquire
from worker.store.workers import WorkerRow

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
MEMORY = timedelta(hours=24)
"""How long a worker that fell silent is still shown; then its row is forgotten."""
_ORDER = ("alive", "late", "silent")


class Load(msgspec.Struct, frozen=True):
    """Jobs of one lane that a worker has under way."""

    lane: str
    does: str
    busy: int
    slots: int


@SCREENS.declare("/workers", "Workers", sections=("workers",))
async def workers(look: Look) -> Content:
    """Those that are alive come first; one that ended in good order is not shown."""
    async with acquire(look.ctx.pool) as connection:
        found = await store.heard_since(connection, look.now - MEMORY)
    states = {one.name: heartbeats.heartbeat(one, look.now) for one in found}
    return {
        "workers": sorted(found, key=lambda one: (_ORDER.index(states[one.name]), one.name)),
        "counts": {state: sum(one == state for one in states.values()) for state in _ORDER},
        "loads": {one.name: loads(one) for one in found},
    }


def loads(worker: WorkerRow) -> list[Load]:
    running: dict[str, Any] = dict(worker.running)
    return [Load(lane, DOES[lane], int(running.get(lane, 0)), SLOTS[lane]) for lane in Lane]
