"""Who changed what: the audit, newest first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from asyncpg import Record
from pydantic import Field

from schemas.account import Permission
from schemas.api.fields import Text
from schemas.api.page import PageQuery
from worker.api.lists import listed
from worker.screens import words
from worker.screens.screen import Content, Look, Screens
from worker.store import audit as stored
from worker.store import search
from worker.store.snapshot import snapshot

SCREENS = Screens("ops", permission=Permission.OPS_VIEW)
_PAGES = {
    # By the place below /api/v1: the screen of one row, and what it is called.
    "orders": ("/orders", "order"),
    "events": ("/events", "event"),
    "payments": ("/payments", "payment"),
    "connections": ("/connections", "connection"),
    "contacts": ("/customers", "customer"),
    "deals": ("/deals", "deal"),
    "checkouts": ("/checkouts", "checkout"),
    "recurring-orders": ("/recurring-orders", "recurring order"),
}
_ROW = re.compile(r"/([a-z-]+)/([0-9a-f-]{36})(?:/|$)")
_LAST = date(9998, 12, 31)
_SHOWN = 8
_LONGEST = 80


class Filters(PageQuery):
    """As the API's list has them, with days, from the first to the last, in place of times (UTC)."""

    actor: Text | None = None
    operation: Text | None = None
    from_: date | None = Field(None, alias="from")
    to: date | None = None

    @property
    def given(self) -> dict[str, Any]:
        def begins(day: date | None, days: int = 0) -> datetime | None:
            return datetime.combine(min(day, _LAST), time(), UTC) + timedelta(days=days) if day else None

        return {
            "actor": self.actor, "operation": self.operation, "from_": begins(self.from_), "to": begins(self.to, 1),
        }  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """One change: `link` leads to what it was about, where that has a page; `facts` are (name, value)."""

    entry: Record
    who: str
    link: str
    target: str
    facts: list[tuple[str, str]]


@SCREENS.declare("/audit", "Audit")
async def audit(look: Look) -> Content:
    """Filtered by what the address says."""
    query = look.wanted(Filters)
    given = query.given
    async with snapshot(look.ctx.pool) as connection:
        rows, next_cursor = await listed(connection, look.reach, "audit", query, search.audit, stored.read, given)
    return {
        "lines": [line(row) for row in rows],
        "next_cursor": next_cursor,
        "filtered": any(value is not None for value in given.values()),
        "wanted": query,
        "operations": _operations(rows, query.operation),
    }


def line(row: Record) -> Line:
    link, target = _target(row["path"])
    return Line(row, row["actor"].removeprefix("token:"), link, target, _facts(row["details"]))


def _target(path: str) -> tuple[str, str]:
    """The screen of what a path is about and what it is called; nothing where it has none."""
    row = _ROW.match(path)
    if row is None or row[1] not in _PAGES:
        return "", ""
    page, noun = _PAGES[row[1]]
    return f"{page}/{row[2]}", f"{noun} …{row[2][-6:]}"


def _facts(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, value in list(details.items())[:_SHOWN]:
        text = ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
        if isinstance(text, bool):
            text = "yes" if text else "no"
        shown = words.NONE if text is None or text == "" else str(text)
        found.append((words.label(name), shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"))
    return found


def _operations(rows: Sequence[Record], chosen: str | None) -> list[tuple[str, str]]:
    """What can be filtered by: what this page shows, and what is filtered by now."""
    known = {row["operation"]: row["summary"] for row in rows}
    if chosen:
        known.setdefault(chosen, words.label(chosen).capitalize())
    return [("", "Anything"), *sorted(known.items(), key=lambda one: one[1])]
