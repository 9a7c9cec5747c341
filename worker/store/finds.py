"""What a text names exactly: by an id, a number, an address or an id at a sender. Each is one step into an index."""

from __future__ import annotations

import msgspec

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("finds")


class Hit(msgspec.Struct, frozen=True):
    """`kind`: order, payment, customer, deal, recurring order, checkout, event."""

    kind: str
    id: str


async def by_id(connection: Pooled, reach: Reach, id_: str) -> list[Hit]:
    """Whatever has this id; an order that was merged is the one that remains."""
    rows = await connection.fetch(_SQL["by_id"], reach.account_id, id_, reach.owner_id)
    return [Hit(**row) for row in rows]


async def by_number(connection: Pooled, reach: Reach, number: int, kind: str) -> list[Hit]:
    """The `order` or the `payment` of this number."""
    rows = await connection.fetch(_SQL["by_number"], reach.account_id, number, reach.owner_id, kind)
    return [Hit(**row) for row in rows]


async def by_external_id(connection: Pooled, reach: Reach, text: str) -> list[Hit]:
    """Payments, orders and customers that senders, or people, know by this text; a few of each."""
    senders = {"stripe", *(row["name"] for row in await connection.fetch(_SQL["connections"], reach.account_id))}
    keys = [f"email:{text.lower()}", text, *(f"{sender}:{text}" for sender in sorted(senders))]
    rows = await connection.fetch(_SQL["by_external_id"], reach.account_id, text, keys, reach.owner_id)
    return [Hit(**row) for row in rows]


async def event(connection: Pooled, reach: Reach, text: str, id_: str | None) -> list[Hit]:
    """The event of this id or delivery id."""
    connections = [row["id"] for row in await connection.fetch(_SQL["connections"], reach.account_id)]
    rows = await connection.fetch(_SQL["event"], reach.account_id, id_, connections, text, reach.owner_id)
    return [Hit(**row) for row in rows]
