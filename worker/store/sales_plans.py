"""Sales plans: which manager expects a customer to pay for what (S5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from handlers import sales_plan
from handlers.reading import micros
from schemas.catalog import SalesPlan
from worker.store.db import Pooled
from worker.store.records import Row
from worker.store.statements import statements

_SQL = statements("sales_plans")


async def add(
    connection: Pooled, account_id: str, plan_id: str, contact_id: str, offer_id: str | None, manager_id: str,
    note: str | None, created_at: datetime,
) -> None:  # fmt: skip
    await connection.execute(_SQL["add"], account_id, plan_id, contact_id, offer_id, manager_id, note, created_at)


async def read(connection: Pooled, account_id: str, ids: Sequence[str]) -> list[Row]:
    """The plans of these ids that there are, in the order of the ids."""
    rows = {row["id"]: row for row in await connection.fetch(_SQL["read"], account_id, ids)} if ids else {}
    return [rows[id_] for id_ in ids if id_ in rows]


async def manager_of(connection: Pooled, account_id: str, contact_id: str, plan_id: str) -> str | None:
    """Whose plan it is; None where the contact has no such plan. Held until the end of the transaction."""
    found: str | None = await connection.fetchval(_SQL["manager_of"], account_id, contact_id, plan_id)
    return found


async def forget(connection: Pooled, account_id: str, plan_id: str) -> None:
    await connection.execute(_SQL["forget"], account_id, plan_id)


async def proposed_manager(connection: Pooled, account_id: str, contact_id: str, offer_id: str | None) -> str | None:
    """The token of the manager whom a sale of this offer (or of none) to this contact is proposed for; None where
    nobody planned it."""
    rows = await connection.fetch(_SQL["newest"], account_id, contact_id, offer_id)
    plans = [SalesPlan(**{**row, "created_at": micros(row["created_at"])}) for row in rows]
    return sales_plan.proposed_manager(contact_id, offer_id, plans)


async def proposed_of(connection: Pooled, account_id: str, order_id: str) -> str | None:
    """The token of the manager whom this order is proposed for, by its contact and its offer."""
    row = await connection.fetchrow(_SQL["sale"], account_id, order_id)
    return await proposed_manager(connection, account_id, row["contact_id"], row["offer_id"]) if row else None
