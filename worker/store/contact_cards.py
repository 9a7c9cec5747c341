"""Customers as the screens show them."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.order_reads import Row
from worker.store.statements import statements

_SQL = statements("contact_cards")
COUNTED = 100
"""Orders of a contact that a list counts; one more says that there are more."""
LOOKED_AT = 200
"""Orders of a contact, the newest, whose payments are shown."""
KEYS = 50


async def read(connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
    """The contacts of these ids that there are, each with its owner's name, its orders (up to COUNTED + 1) and the
    newest one, in the order of the ids."""
    if not ids:
        return []
    rows = await connection.fetch(_SQL["listed"], reach.account_id, ids, reach.owner_id, COUNTED + 1)
    found = {row["id"]: row for row in rows}
    return [found[id_] for id_ in ids if id_ in found]


async def keys(connection: Pooled, reach: Reach, contact_id: str) -> list[str]:
    """What the contact is known by: `email:ana@example.com`, `stripe:cus_1`."""
    rows = await connection.fetch(_SQL["keys"], reach.account_id, contact_id, reach.owner_id, KEYS)
    return [row["key"] for row in rows]


async def payments(connection: Pooled, reach: Reach, contact_id: str, limit: int) -> list[str]:
    """The ids of the newest payments of the contact's newest orders."""
    rows = await connection.fetch(_SQL["payments"], reach.account_id, contact_id, reach.owner_id, LOOKED_AT, limit)
    return [row["id"] for row in rows]
