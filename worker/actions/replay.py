"""Applying events again (Q5): one, or all that a filter finds, some thousands at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from handlers.errors import Refused
from schemas.account import Reach
from schemas.provider import Lane
from worker.apply.rehearse import Rehearsed, rehearse
from worker.context import Context
from worker.store import inbox, replays, search
from worker.store.db import Pooled, acquire, transaction

ON_THEIR_WAY = 10_000
"""Events of an account that are received and not applied, at most, while more are set back: replays are let go at the
pace at which they are applied, and the sweep never finds a heap of them."""
STEP = 500
"""Events that one transaction sets back."""
TURN_S = 8.0
"""How long one request goes on setting back events; the rest is for the next one."""

REMEDY = (
    "What it stated stays in its order; correct the order, or have the sender state it anew, in a new event. The "
    "account's retention_days say how long bodies are kept."
)

Place = tuple[datetime, str]
"""Where to go on: (received_at, id) of the last event that was looked at."""


class Again(msgspec.Struct, frozen=True):
    """What was set back, how many were on their way already, how many have no body any more, how many of the account
    are on their way now, and where to go on: `more` may be there after `place`, which is None where nothing was looked
    at yet."""

    event_ids: list[str]
    skipped: int
    pruned: int
    pending: int
    more: bool
    place: Place | None


class Selected(msgspec.Struct, frozen=True):
    """The events that filters find: those that would be applied again, newest first, and what all are now."""

    event_ids: list[str]
    skipped: int
    pruned: int
    by_state: dict[str, int]
    capped: bool


def check(filters: Mapping[str, Any]) -> None:
    """Raise Refused (`invalid`) where nothing says which events are meant."""
    if not filters:
        raise Refused(
            "invalid",
            "Nothing says which events are meant.",
            field="ids",
            remedy="Give ids, or at least one of connection, topic, state, received_from, received_to and q.",
        )


async def one(ctx: Context, account_id: str, event_id: str) -> bool:
    """Set one event back to received and signal it; whether there is such an event. Refused (`pruned`) where its body
    is gone."""
    async with transaction(ctx.pool) as connection:
        await replays.hold(connection, account_id, [event_id])
        await check_body(connection, account_id, event_id)
        lane = await replays.rearm_one(connection, account_id, event_id)
    if lane is None:
        return False
    ctx.lanes.signal(lane, account_id, [event_id])
    return True


async def check_body(connection: Pooled, account_id: str, event_id: str) -> None:
    """Raise Refused (`pruned`) where the body of an event is gone."""
    if await replays.bodiless(connection, account_id, [event_id]):
        raise Refused("pruned", "Its body was pruned, so there is nothing to apply.", remedy=REMEDY)


async def again(ctx: Context, reach: Reach, filters: Mapping[str, Any], after: Place | None, limit: int) -> Again:
    """Set back the events that the filters find, newest first, from a place on, and signal them. What is received and
    not applied is on its way, and left alone."""
    check(filters)
    until = time.monotonic() + TURN_S
    done: list[str] = []
    skipped, pruned, more = 0, 0, True
    async with acquire(ctx.pool) as connection:
        pending = await inbox.unread(connection, reach.account_id, ON_THEIR_WAY)
    while more and (room := min(limit - len(done), ON_THEIR_WAY - pending, STEP)) > 0 and time.monotonic() < until:
        async with transaction(ctx.pool) as connection:
            found = await search.events(connection, reach, filters, after, room)
            states = await replays.hold(connection, reach.account_id, [id_ for _, id_ in found])
            gone = await replays.bodiless(connection, reach.account_id, list(states))
            chosen = [id_ for id_, state in states.items() if state != "received" and id_ not in gone]
            await replays.rearm(connection, reach.account_id, chosen)
        ctx.lanes.signal(Lane.BULK, reach.account_id, chosen)
        done += chosen
        pending += len(chosen)
        pruned += len(gone)
        skipped += len(found) - len(chosen) - len(gone)
        more = len(found) == room
        if found:
            after = _place(found[-1])
    return Again(done, skipped, pruned, pending, more, after)


async def select(ctx: Context, reach: Reach, filters: Mapping[str, Any], after: Place | None, limit: int) -> Selected:
    """What `again` would set back, up to a limit."""
    check(filters)
    async with acquire(ctx.pool) as connection:
        found = await search.events(connection, reach, filters, after, limit + 1)
        ids = [id_ for _, id_ in found[:limit]]
        states = await replays.standing(connection, reach.account_id, ids)
        gone = await replays.bodiless(connection, reach.account_id, ids)
    chosen = [id_ for id_ in ids if states.get(id_, "received") != "received" and id_ not in gone]
    return Selected(
        chosen, len(ids) - len(chosen) - len(gone), len(gone), dict(Counter(states.values())), len(found) > limit
    )


async def examine(ctx: Context, reach: Reach, event_ids: Sequence[str]) -> tuple[Rehearsed, dict[str, int]]:
    """What applying these events again would do, and the numbers of the orders concerned that are within reach."""
    if not event_ids:
        return Rehearsed(), {}
    found = await rehearse(ctx, reach.account_id, event_ids)
    async with acquire(ctx.pool) as connection:
        numbers = await replays.numbers(connection, reach, sorted({*found.changes, *found.merged}))
    return found, numbers


def _place(found: tuple[datetime | int | None, str]) -> Place:
    at, id_ = found
    if not isinstance(at, datetime):
        raise TypeError("events are found by their time")
    return at, id_
