"""Replays over the API: events applied again, and what that would change (Q5)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from aiohttp import web

from schemas.account import Permission, Reach
from schemas.api.event import EventBody
from schemas.api.replay import EXAMINED_LIMIT, ReplayDiff, Replayed, ReplayFailure, ReplayOne, ReplayWish
from worker.actions import replay
from worker.actions.replay import Selected
from worker.api import audited, cursor, order_views
from worker.api.operation import Ask, Operations, answer, missing
from worker.apply.rehearse import Rehearsed
from worker.context import Context
from worker.store import event_reads
from worker.store.db import acquire
from worker.store.inbox import Outcome
from worker.store.orders import Change, fields_of

OPERATIONS = Operations("events")
_CURSOR = "replays"
_FIRST = (cursor.LATEST - 1, "ffffffff-ffff-ffff-ffff-ffffffffffff")
"""Before the newest event: where a replay that had no room yet begins."""
_LARGEST = 2000
_GOOD = ("applied", "ignored")


@OPERATIONS.declare(
    "POST",
    "/events/{event_id}/replay",
    "Replay an event",
    permission=Permission.OPS_REPLAY,
    body=ReplayOne,
    body_optional=True,
    answer=EventBody,
    answers={200: ReplayDiff},
    statuses={202: "It will be applied again.", 200: "With `dry_run`: what that would change."},
)
async def replay_event(ask: Ask, event_id: str, body: ReplayOne) -> web.Response:
    """Apply it again, with its attempts counted anew. Harmless on what was applied already. With `dry_run` nothing is
    changed, and the answer is what would be. 409 `pruned` where its body is gone (`retention_days`)."""
    async with acquire(ask.ctx.pool) as connection:
        if not await event_reads.sees(connection, ask.reach, event_id):
            return missing("events")
        await replay.check_body(connection, ask.actor.account_id, event_id)
    if body.dry_run:
        audited.nothing_done(ask.request)
        return answer(await _diff(ask.ctx, ask.reach, {"ids": [event_id]}, None, 1, EXAMINED_LIMIT))
    if not await replay.one(ask.ctx, ask.actor.account_id, event_id):
        return missing("events")
    async with acquire(ask.ctx.pool) as connection:
        rows = await event_reads.read(connection, ask.reach, [event_id])
    return answer(EventBody(**rows[0]), 202) if rows else missing("events")


@OPERATIONS.declare(
    "POST",
    "/events/replay",
    "Replay events by filter",
    permission=Permission.OPS_REPLAY,
    body=ReplayWish,
    answer=Replayed,
    answers={200: ReplayDiff},
    statuses={202: "They will be applied again.", 200: "With `dry_run`: what that would change."},
)
async def replay_events(ask: Ask, body: ReplayWish) -> web.Response:
    """Apply all events again that the filters find, newest first, behind whatever arrives meanwhile. Harmless on what
    was applied already. No more than 10,000 are put on their way at once: `next_cursor` says that there may be more.

    With `dry_run` nothing is changed, and the answer is what would be: the orders that would be made or changed, field
    by field, and the events that still would not be applied."""
    place = cursor.decode(_CURSOR, body.cursor)
    after = (place.moment, place.id) if place else None
    if body.dry_run:
        audited.nothing_done(ask.request)
        return answer(await _diff(ask.ctx, ask.reach, body.filters, after, body.limit, body.examine))
    done = await replay.again(ask.ctx, ask.reach, body.filters, after, body.limit)
    audited.note(ask.request, count=len(done.event_ids), **_told(body))
    return answer(
        Replayed(
            count=len(done.event_ids), event_ids=done.event_ids, skipped=done.skipped, pruned=done.pruned,
            pending=done.pending,
            next_cursor=cursor.encode(_CURSOR, *(done.place or _FIRST)) if done.more else None,
        ),
        202,
    )  # fmt: skip


def _told(body: ReplayWish) -> dict[str, Any]:
    """The filters as the audit tells them; ids by how many they are."""
    given = {name: value for name, value in body.filters.items() if name != "ids"}
    return {**given, **({"ids": len(body.ids)} if "ids" in body.filters else {})}


async def _diff(
    ctx: Context, reach: Reach, filters: dict[str, Any], after: replay.Place | None, limit: int, examine: int
) -> ReplayDiff:
    selected = await replay.select(ctx, reach, filters, after, limit)
    found, numbers = await replay.examine(ctx, reach, selected.event_ids[:examine])
    return _shown(selected, found, numbers)


def _shown(selected: Selected, found: Rehearsed, numbers: dict[str, int]) -> ReplayDiff:
    """The diff. Of orders that its reader does not see nothing is told but that something would change."""
    changes: list[dict[str, Any]] = []
    touched: set[str] = set()
    for order_id, change in sorted(found.changes.items()):
        rows = [_created(change)] if change.before is None else [order_views.field_change(f) for f in fields_of(change)]
        events = [id_ for id_ in dict.fromkeys(change.events) if _state(found.outcomes.get(id_)) in _GOOD]
        if rows:
            touched.update(events)
        if change.before is None or order_id in numbers:
            about = {
                "event_ids": events, "order_id": order_id if change.before else None, "number": numbers.get(order_id),
                "created": change.before is None,
            }  # fmt: skip
            changes += [{**about, **row, "from": bounded(row["from"]), "to": bounded(row["to"])} for row in rows]
    for gone, into in sorted(found.merged.items()):
        events = list(found.changes[into].events) if into in found.changes else []
        touched.update(events)
        if gone in numbers:
            changes.append(
                {
                    "event_ids": events, "order_id": gone, "number": numbers[gone], "created": False,
                    "field": "merged_into", "from": None, "to": into,
                }
            )  # fmt: skip
    outcomes = found.outcomes.values()
    return ReplayDiff.model_validate(
        {
            "count": len(selected.event_ids),
            "capped": selected.capped,
            "skipped": selected.skipped,
            "pruned": selected.pruned,
            "by_state": selected.by_state,
            "examined": len(found.outcomes),
            "outcomes": Counter(outcome.state for outcome in outcomes),
            "unchanged": sum(o.state in _GOOD and o.event_id not in touched for o in outcomes),
            "changes": changes,
            "not_applied": [
                ReplayFailure(event_id=outcome.event_id, state=outcome.state, reason=outcome.reason)  # type: ignore[arg-type]
                for outcome in sorted(outcomes, key=lambda outcome: outcome.event_id)
                if outcome.state not in _GOOD
            ],
        }
    )


def _state(outcome: Outcome | None) -> str:
    return outcome.state if outcome else ""


def _created(change: Change) -> dict[str, Any]:
    """A new order by what tells it apart."""
    order = change.after
    told = {name: getattr(order, name) for name in ("title", "external_id", "currency", "amount", "payment_status")}
    return {"field": "created", "from": None, "to": told}


def bounded(value: Any) -> Any:
    """The value, or its size where it is too large to be shown."""
    size = len(msgspec.json.encode(value))
    return value if size <= _LARGEST else f"({size} bytes)"
