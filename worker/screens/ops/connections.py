"""The connections screen: every inbound source, how much it sends, what of it is refused and why."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from schemas.account import Permission
from schemas.api.page import PageQuery
from worker.api import cursor
from worker.providers import adapters
from worker.refusals import cause_words
from worker.screens import charts, words
from worker.screens.ops.looks import LOOKS, RANGES
from worker.screens.screen import Content, Look, Screens
from worker.screens.session import here
from worker.store import connection_looks
from worker.store import connections as store
from worker.store.connection_looks import Arrivals, ConnectionLook
from worker.store.connections import ConnectionRow
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
DAY = RANGES["24h"]
PAGE = 50


class ConnectionLine(msgspec.Struct, frozen=True):
    """A connection with its last 24 hours. `line` and `area` are paths of its deliveries over that time."""

    row: ConnectionRow
    look: ConnectionLook
    arrivals: Arrivals
    rate: str
    busiest: int
    line: str
    area: str
    why: str


@SCREENS.declare("/connections", "Connections", sections=("table",))
async def connections(look: Look) -> Content:
    """The newest first; numbers are of the last 24 hours."""
    query = look.wanted(PageQuery)
    place = cursor.decode("connections", query.cursor)
    account_id = look.actor.account_id
    rows = await store.list_(look.ctx.pool, account_id, before=place.id if place else None, limit=PAGE + 1)
    shown = rows[:PAGE]
    ids = [row.id for row in shown]
    async with snapshot(look.ctx.pool) as connection:
        looks = await connection_looks.read(connection, look.reach, ids, look.now - timedelta(days=1))
    arrivals = await look.request.app[LOOKS].arrivals(look.reach, ids, DAY)
    return {
        "lines": [_line(row, looks[row.id], arrivals[row.id]) for row in shown],
        "next_cursor": cursor.following("connections", [(None, row.id) for row in rows], PAGE),
        "providers": [(name, name) for name in sorted(adapters())],
        "may_manage": look.actor.may(Permission.SETTINGS_MANAGE),
        "address": here(look.request),
    }


def _line(row: ConnectionRow, found: ConnectionLook, arrived: Arrivals) -> ConnectionLine:
    steps = [step.events for step in arrived.steps]
    line, area = charts.spark(steps) if any(steps) else ("", "")
    return ConnectionLine(
        row,
        found,
        arrived,
        rate=words.rate(arrived.events / DAY.minutes),
        busiest=max(steps, default=0),
        line=line,
        area=area,
        why=cause_words(found.cause, found.skew_s, found.hint) if found.cause else "",
    )
