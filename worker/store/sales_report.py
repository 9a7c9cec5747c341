"""Completed sales, summed (S4): from the orders themselves, so that the figures agree with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("sales_report")


async def read(
    connection: Pooled, reach: Reach, by: str, since: datetime, until: datetime, *, test: bool, currency: str | None,
    limit: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """(currency, key, name, number, orders, amount, received, refunded) of each group, amounts as text: sums may be
    larger than a bigint. `test`: orders of test mode too."""
    given = [reach.account_id, since, until, test, currency, reach.owner_id]
    if by == "payment_system":
        rows = await connection.fetch(_SQL["systems"], *given, limit)
    else:
        rows = await connection.fetch(_SQL["sales"], *given, by, limit)
    return [dict(row) for row in rows]
