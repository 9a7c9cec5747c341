"""Deliveries of the feed: what is due, what is being sent, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from asyncpg import Record

from worker.store import subscribers
from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements

_SQL = statements("deliveries")
Subscriber = tuple[str, str]
"""(account, subscriber)."""
BACKLOG_LIMIT = 50_000


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that this process is to send, with all that it takes. Secrets are sealed."""

    account_id: str
    subscriber_id: str
    event_id: str
    attempts: int
    type: str
    body: str
    created_at: datetime
    url: str
    secret: bytes
    former_secret: bytes | None
    former_until: datetime | None
    private_targets: bool
    lease: str

    @property
    def subscriber(self) -> Subscriber:
        return self.account_id, self.subscriber_id


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event told to one subscriber."""

    event_id: str
    type: str
    subject_id: str
    sequence: int
    state: str
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    last_answer: str | None
    settled_at: datetime | None
    created_at: datetime


class Backlog(msgspec.Struct, frozen=True):
    """`pending`: open at active subscribers; `overdue_s`: how long ago the oldest of them fell due."""

    pending: int
    dead: int
    overdue_s: float
    disabled: int


async def due(pool: Pool, limit: int) -> list[Subscriber]:
    """Active subscribers for whom something is due, the longest waiting first."""
    async with acquire(pool) as connection:
        return [(row["account_id"], row["subscriber_id"]) for row in await connection.fetch(_SQL["due"], limit)]


async def claim(pool: Pool, slots: Mapping[Subscriber, int], lease: str, lasts: timedelta) -> list[Claimed]:
    """Take what is due for these subscribers, each up to its slots less what anybody is sending to it now."""
    given = sorted(slots)
    async with transaction(pool) as connection:
        rows = await connection.fetch(_SQL["hold"], [account for account, _ in given], [id_ for _, id_ in given])
        held = [(row["account_id"], row["id"]) for row in rows]
        if not held:
            return []
        found = await connection.fetch(
            _SQL["claim"],
            [account for account, _ in held],
            [id_ for _, id_ in held],
            [slots[one] for one in held],
            lease,
            lasts,
        )
    return [Claimed(**row, lease=lease) for row in found]


async def delivered(pool: Pool, claimed: Claimed, status: int) -> None:
    """The subscriber answered 2xx. What waits behind it is due."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["delivered"], *_names(claimed), status)


async def failed(
    pool: Pool,
    claimed: Claimed,
    pause_s: float | None,
    *,
    status: int | None,
    error: str,
    answer: str | None,
    gone: str | None = None,
) -> bool:
    """An attempt failed; it is tried again after the pause, or (None) is dead. `gone`: why the subscriber is disabled.
    False where somebody else holds the delivery by now."""
    async with transaction(pool) as connection:
        if gone is not None:
            await connection.execute(_SQL["disable"], claimed.account_id, claimed.subscriber_id, gone)
        pause = None if pause_s is None else timedelta(seconds=pause_s)
        row = await connection.fetchrow(_SQL["failed"], *_names(claimed), claimed.lease, pause, status, error, answer)
        if row:
            await connection.execute(
                _SQL["move_followers"],
                claimed.account_id,
                claimed.subscriber_id,
                row["subject_id"],
                row["sequence"],
                row["next_attempt_at"],
            )
    return row is not None


async def let_go(pool: Pool, claimed: Claimed) -> None:
    """Not sent after all: it is due at once, for whoever comes."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["let_go"], *_names(claimed), claimed.lease)


def _names(claimed: Claimed) -> tuple[str, str, str]:
    return claimed.account_id, claimed.subscriber_id, claimed.event_id


async def list_(
    connection: Pooled, account_id: str, subscriber_id: str, state: str | None, before: str | None, limit: int
) -> list[DeliveryRow]:
    """Newest first; those older than `before` (the id of an event)."""
    name, more = ("list_deliveries", ()) if state is None else ("list_in_state", (state,))
    rows = await connection.fetch(_SQL[name], account_id, subscriber_id, before, limit, *more)
    return [DeliveryRow(**row) for row in rows]


async def get(connection: Pooled, account_id: str, subscriber_id: str, event_id: str) -> DeliveryRow | None:
    row = await connection.fetchrow(_SQL["get_delivery"], account_id, subscriber_id, event_id)
    return DeliveryRow(**row) if row else None


async def retry(connection: Pooled, account_id: str, subscriber_id: str, event_id: str) -> None:
    """Make a delivery due, whatever became of it, unless it is being sent at this moment."""
    await connection.execute(_SQL["retry"], account_id, subscriber_id, event_id)


async def retry_dead(connection: Pooled, account_id: str, subscriber_id: str, limit: int) -> int:
    """Make dead deliveries due, oldest first; how many."""
    found: int = await connection.fetchval(_SQL["retry_dead"], account_id, subscriber_id, limit)
    return found


async def forget(pool: Pool, before: datetime, limit: int) -> tuple[int, int]:
    """Drop up to `limit` events from before this time, with their deliveries: (events, deliveries never made)."""
    async with transaction(pool) as connection:
        if not await subscribers.only_one(connection):
            return 0, 0
        rows: Sequence[Record] = await connection.fetch(_SQL["expired"], before, limit)
        if not rows:
            return 0, 0
        names = sorted((row["account_id"], row["id"]) for row in rows)
        given = [account for account, _ in names], [id_ for _, id_ in names]
        dropped = await connection.fetch(_SQL["drop_deliveries"], *given)
        await connection.execute(_SQL["drop_events"], *given)
    return len(rows), sum(row["open"] for row in dropped)


async def backlog(connection: Pooled) -> Backlog:
    row = await connection.fetchrow(_SQL["backlog"], BACKLOG_LIMIT)
    if row is None:
        raise AssertionError("a count answers with its row")
    return Backlog(row["pending"], row["dead"], row["overdue_s"], row["disabled"])
