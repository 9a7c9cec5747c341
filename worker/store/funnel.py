"""The checkout funnel (P7): counted from the orders themselves, so that it agrees with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("funnel")


async def read(
    connection: Pooled, reach: Reach, since: datetime, until: datetime, *, timezone: str, step: str, test: bool,
    currency: str | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """(period, currency, outcome, reason, orders, tried, amount, amount_paid) of the checkouts opened in a time, the
    newest period first. `test`: those of test mode too."""
    rows = await connection.fetch(
        _SQL["funnel"], reach.account_id, since, until, timezone, step, test, currency, reach.owner_id
    )
    return [dict(row) for row in rows]
