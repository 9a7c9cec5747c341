"""What PostgreSQL does for a question: the statements that it was asked, their plans, and how many rows they touch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import asyncpg
import msgspec
from asyncpg.connection import LoggedQuery

from worker import metrics

BIG = frozenset({"orders", "payments", "events", "event_states", "recurring_orders", "contacts", "deals", "checkouts"})
"""Tables that grow for ever."""


class Asked(msgspec.Struct, frozen=True):
    """A statement with what was given for its parameters."""

    sql: str
    arguments: tuple[Any, ...]


class Touched(msgspec.Struct, frozen=True):
    """A step of a plan that reads a big table: how, how many rows it had to look at, and how many it gave."""

    table: str
    step: str
    rows: int
    given: int


@contextmanager
def recorded() -> Iterator[list[Asked]]:
    """Each statement that connections which are opened meanwhile are asked. Empty the list to begin anew."""
    found: list[Asked] = []
    counted = metrics.statement_done

    def note(query: LoggedQuery) -> None:
        counted(query)
        if query.query.lstrip().upper().startswith(("SELECT", "WITH")):
            found.append(Asked(query.query, tuple(query.args or ())))

    with patch.object(metrics, "statement_done", note):
        yield found


async def touched(connection: asyncpg.Connection[asyncpg.Record], asked: Asked) -> list[Touched]:
    """Run a statement again and say which big tables it read, and how."""
    explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked.sql}"
    [plan] = await connection.fetchval(explained, *asked.arguments)
    return list(_steps(plan["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[Touched]:
    if node.get("Relation Name") in BIG:
        loops = node["Actual Loops"]
        given = round(node["Actual Rows"] * loops)
        filtered = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
        yield Touched(node["Relation Name"], node["Node Type"], given + round(filtered * loops), given)
    for below in node.get("Plans", ()):
        yield from _steps(below)
