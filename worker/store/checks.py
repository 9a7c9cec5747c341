"""What must never be true: `checks.sql` finds the rows that break it, and where a rule decides, the rule does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from worker.store import stock
from worker.store.db import Pool, Pooled, acquire
from worker.store.statements import statements

BY_RULE = {"stock_is_not_the_effect": "what the stock ledger holds for an order is what follows from the order"}
_SENTENCE = re.compile(r"^-- ([a-z_]+): (.+)$", re.MULTILINE)


@cache
def sentences() -> dict[str, str]:
    """What each check holds, by its name."""
    return dict(_SENTENCE.findall(Path(__file__).with_name("checks.sql").read_text(encoding="utf-8"))) | BY_RULE


async def broken(pool: Pool, at: datetime | None = None) -> dict[str, list[dict[str, Any]]]:
    """The invariants that do not hold, each with (some of) the rows that break it. Empty when all is well. `at`: the
    time by which charging goes, now unless given."""
    async with acquire(pool) as connection:
        return await broken_in(connection, at)


async def broken_in(connection: Pooled, at: datetime | None = None) -> dict[str, list[dict[str, Any]]]:
    """As `broken`, all from one snapshot, so that work under way never looks like a fault."""
    found, at = {}, at or datetime.now(UTC)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name, statement in statements("checks").items():
            rows = await connection.fetch(statement, *([at] if "$1" in statement else []))
            if rows:
                found[name] = [dict(row) for row in rows]
        if unsettled := await stock.unsettled(connection):
            found["stock_is_not_the_effect"] = unsettled
    return found
