"""The list of events (D3): found by state, connection, topic, time and id; each row with what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
from aiohttp import web

from handlers import event_search
from handlers.errors import Refused
from schemas.account import Permission, Reach
from worker.api import cursor
from worker.screens import words
from worker.screens.ops.counts import COUNTS
from worker.screens.ops.event_filter import RANGE_LABELS, EventsQuery, Wanted, as_json
from worker.screens.ops.shared import KEPT
from worker.screens.screen import Content, Look, Screens
from worker.store import connections, event_reads, search
from worker.store.snapshot import snapshot

PAGE = 50
SOURCES = 200
"""Connections that are offered as a choice."""
PATIENCE_MS = 4_000
"""A search that takes longer is given up: whoever asked is told to look at less."""
GIVEN_UP_S = 60.0
GIVEN_UP: web.AppKey[dict[tuple[Reach, Wanted, str | None], float]] = web.AppKey("given_up", dict)
"""Searches that took too long, and until when they are not tried again."""
NOUN = "events"
"""What the cursors of this list are called; those of the API are the same."""

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)


class Chip(msgspec.Struct, frozen=True):
    """A state to choose: `count` in words, empty where it is not known."""

    state: str
    count: str
    href: str
    chosen: bool


class Found(msgspec.Struct, frozen=True):
    """One page of rows. `slow`: looking took too long, and nothing is shown."""

    rows: Sequence[asyncpg.Record] = ()
    next_cursor: str | None = None
    slow: bool = False


@SCREENS.declare("/events", "Events", sections=("facets", "list"))
async def events(look: Look) -> Content:
    """What the search field holds is kept as it was written, also where it is not understood."""
    asked = look.wanted(EventsQuery)
    wrong = ""
    try:
        wanted = Wanted.of(asked)
    except Refused as refused:
        wanted, wrong = Wanted.of(EventsQuery()), f"{refused.message} {refused.remedy}"
    given = wanted.given(look.now)
    found = Found() if wrong else await _find(look, wanted, asked.cursor, given)
    sources = await connections.list_(look.ctx.pool, look.actor.account_id, limit=SOURCES)
    chosen = {asked.connection} if asked.connection else set()
    return {
        "asked": asked,
        "wanted": wanted,
        "wrong": wrong,
        "found": found,
        "chips": [] if wrong else await _chips(look, asked, wanted),
        "ranges": RANGE_LABELS,
        "connections": [("", "All"), *((name, name) for name in sorted({source.name for source in sources} | chosen))],
        "fields": event_search.FIELDS,
        "max_attempts": look.ctx.settings.max_attempts,
        "may_replay": look.actor.may(Permission.OPS_REPLAY),
        "matching": as_json(given) if wanted.any and not wrong else "",
        "without_time": look.link(range=None, received_from=None, received_to=None),
    }


async def _find(look: Look, wanted: Wanted, cursor_: str | None, given: dict[str, Any]) -> Found:
    """What was given up a moment ago is not tried anew by each look of a stream."""
    given_up, key, now = look.request.app[GIVEN_UP], (look.reach, wanted, cursor_), asyncio.get_running_loop().time()
    if given_up.get(key, 0.0) > now:
        return Found(slow=True)
    place = cursor.decode(NOUN, cursor_)
    before = (place.moment, place.id) if place else None
    try:
        async with snapshot(look.ctx.pool) as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
            places = await search.events(connection, look.reach, given, before, PAGE + 1)
            rows = await event_reads.read(connection, look.reach, [id_ for _, id_ in places[:PAGE]])
    except asyncpg.QueryCanceledError:
        given_up.pop(key, None)
        given_up[key] = now + GIVEN_UP_S
        while len(given_up) > KEPT:
            del given_up[next(iter(given_up))]
        return Found(slow=True)
    return Found(rows, cursor.following(NOUN, places, PAGE))


async def _chips(look: Look, asked: EventsQuery, wanted: Wanted) -> list[Chip]:
    """One for each state, and one for all of them."""
    others = msgspec.structs.replace(wanted, state=None, reason=None)
    counts = await look.request.app[COUNTS].states(look.reach, others)
    q = event_search.without(asked.q or "", "state") or None
    chips = [Chip("", "", look.link(q=q, state=None, reason=None), wanted.state is None)]
    for state in event_search.STATES:
        count = "" if counts is None else words.count(counts[state][0], capped=counts[state][1])
        chips.append(Chip(state, count, look.link(q=q, state=state, reason=None), wanted.state == state))
    return chips
