"""The events that a reader sees who sees only their own orders (O12), where many events are counted: found once for a
page, by asking of each event that the page looks at whose it is."""

from __future__ import annotations

from schemas.account import Reach
from worker.ids import LOWEST
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("own_events")

LIMIT = 100_000
"""Events that are looked at, the newest; and as many that are not settled."""


async def own_events(connection: Pooled, reach: Reach, since: str = LOWEST, *, limit: int = LIMIT) -> list[str] | None:
    """Ids of events from the id `since` on (of the newest `limit`) and of unsettled ones, whatever their age; None
    where the reader sees all."""
    if reach.owner_id is None:
        return None
    rows = await connection.fetch(_SQL["own_events"], reach.account_id, reach.owner_id, since, limit, LIMIT)
    return [row["event_id"] for row in rows]
