"""What payments cost: how far it has been asked for, and of which payments it is not known (P3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from worker.ids import LOWEST
from worker.store.db import Pooled
from worker.store.records import Row
from worker.store.statements import statements

_SQL = statements("fees")
Mark = tuple[datetime, str]
"""A delivery's place: when it was received, and its id."""


async def take(
    connection: Pooled, account_id: str, connection_id: str, since: datetime, now: datetime, until: datetime
) -> Mark | None:
    """How far it has been asked, if that is due; until the given time it is the caller's. It begins with what was
    received after `since`."""
    await connection.execute(_SQL["begin"], account_id, connection_id, since, LOWEST, now)
    row = await connection.fetchrow(_SQL["take"], account_id, connection_id, now, until)
    return (row["received_at"], row["event_id"]) if row else None


async def charges(
    connection: Pooled, account_id: str, connection_id: str, after: Mark, before: datetime, limit: int
) -> list[Row]:
    """Deliveries about charges, oldest first: id, received_at, body, state, dossier_id."""
    return await connection.fetch(_SQL["charges"], account_id, connection_id, *after, before, limit)


async def unknown(connection: Pooled, account_id: str, keys: Sequence[str]) -> dict[str, str]:
    """Of the payments of these keys, those whose cost is not known, each with its dossier."""
    rows = await connection.fetch(_SQL["unknown"], account_id, sorted(set(keys)))
    return {row["key"]: row["dossier_id"] for row in rows}


async def mark(connection: Pooled, account_id: str, connection_id: str, to: Mark, next_at: datetime) -> None:
    """It has been asked up to this delivery, and is due again at the given time."""
    await connection.execute(_SQL["mark"], account_id, connection_id, *to, next_at)
