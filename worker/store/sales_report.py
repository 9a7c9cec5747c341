"""Completed sales, summed (S4): from the orders themselves, so that the figures agree with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("sales_report")
LONGEST = "10s"
"""How long a report may take."""


class TookTooLongError(Exception):
    """The report was stopped."""


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """Which completed sales are meant: paid from `since` up to `until`. `test`: those of test mode too. `confirmed`:
    only those of which it is confirmed who made them. Of a manager: those that are confirmed as theirs. Of a payment
    system: those that a payment by it succeeded for."""

    since: datetime
    until: datetime
    test: bool = False
    confirmed: bool = False
    currency: str | None = None
    offer_id: str | None = None
    category_id: str | None = None
    manager_id: str | None = None
    contact_id: str | None = None
    system: str | None = None


async def read(connection: Pooled, reach: Reach, by: str, sold: Sold, limit: int) -> list[dict[str, Any]]:
    """(currency, key, name, number, orders, amount, received, refunded) of each group, amounts as text: sums may be
    larger than a bigint. By `day` and `month` the key is that of the account's calendar: `2026-11-21`, `2026-11`.

    Give a connection of `snapshot`. Raises TookTooLongError.
    """
    given = [reach.account_id, sold.since, sold.until, sold.test, sold.currency, reach.owner_id]
    narrower = [sold.offer_id, sold.category_id, sold.manager_id, sold.contact_id, sold.system, sold.confirmed]
    await connection.execute(_SQL["limit_time"], LONGEST)
    try:
        if by == "payment_system":
            rows = await connection.fetch(_SQL["systems"], *given, limit, *narrower)
        else:
            rows = await connection.fetch(_SQL["sales"], *given, by, limit, *narrower)
    except asyncpg.QueryCanceledError:
        raise TookTooLongError from None
    return [dict(row) for row in rows]
