"""Retention (Q8): how far each account's events have been looked at, and the bodies that are taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from worker.ids import LOWEST
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("retention")
COUNTED = 10_000


class Mark(msgspec.Struct, frozen=True):
    """How far an account has been looked at: up to this event, in the order of receipt; and, of those that were not
    settled then, up to this one, in the order of their ids."""

    received_at: datetime
    event_id: str
    kept_id: str = LOWEST


class Progress(msgspec.Struct, frozen=True):
    """How far an account is. `days`: None keeps bodies for ever. `waiting` and `retained` are counted up to COUNTED."""

    days: int | None
    pruned_to: datetime | None
    pruned: int
    ran_at: datetime | None
    oldest_at: datetime | None
    waiting: int
    retained: int


async def due(connection: Pooled, now: datetime, limit: int) -> list[tuple[str, int]]:
    """(account, days) of accounts that are to be looked at."""
    return [(row["id"], row["retention_days"]) for row in await connection.fetch(_SQL["due"], now, limit)]


async def take(connection: Pooled, account_id: str) -> Mark | None:
    """How far this account is, held until the end of the transaction; None where another worker looks at it."""
    await connection.execute(_SQL["begin"], account_id)
    row = await connection.fetchrow(_SQL["take"], account_id)
    return Mark(row["received_at"], row["event_id"], row["kept_id"]) if row else None


async def old(
    connection: Pooled, account_id: str, mark: Mark, before: datetime, limit: int
) -> list[tuple[datetime, str]]:
    """The next events (received_at, id) that were received before a time."""
    rows = await connection.fetch(_SQL["old"], account_id, mark.received_at, mark.event_id, before, limit)
    return [(row["received_at"], row["id"]) for row in rows]


async def retained(connection: Pooled, account_id: str, mark: Mark, limit: int) -> list[str]:
    """The next of those that were not settled when they were looked at."""
    rows = await connection.fetch(_SQL["retained"], account_id, mark.kept_id, limit)
    return [row["event_id"] for row in rows]


async def prune(connection: Pooled, account_id: str, ids: Sequence[str], now: datetime) -> dict[str, bool]:
    """Take the bodies and headers of those that are settled; of each that is, whether it had one until now."""
    rows = await connection.fetch(_SQL["prune"], account_id, ids, now)
    return {row["id"]: row["pruned"] for row in rows}


async def retain(connection: Pooled, account_id: str, ids: Sequence[str]) -> None:
    await connection.execute(_SQL["retain"], account_id, sorted(ids))


async def let_go(connection: Pooled, account_id: str, ids: Sequence[str]) -> None:
    await connection.execute(_SQL["let_go"], account_id, sorted(ids))


async def go_on(connection: Pooled, account_id: str, mark: Mark, pruned: int, now: datetime, next_at: datetime) -> None:
    """An account has been looked at up to here, and `pruned` more have no body."""
    await connection.execute(
        _SQL["go_on"], account_id, mark.received_at, mark.event_id, mark.kept_id, pruned, now, next_at
    )


async def hurry(connection: Pooled, account_id: str) -> None:
    """Have an account looked at now."""
    await connection.execute(_SQL["hurry"], account_id)


async def progress(connection: Pooled, account_id: str, now: datetime) -> Progress:
    row = await connection.fetchrow(_SQL["progress"], account_id, now, COUNTED)
    if row is None:
        raise LookupError(f"no account {account_id}")
    return Progress(
        days=row["retention_days"],
        pruned_to=row["received_at"] if row["received_at"] and row["received_at"].year > 1970 else None,
        pruned=row["pruned"],
        ran_at=row["ran_at"],
        oldest_at=row["oldest_at"],
        waiting=row["waiting"],
        retained=row["retained"],
    )


async def overdue_s(connection: Pooled, now: datetime) -> float:
    """By how many seconds the oldest body that may go is past its account's days."""
    found: float = await connection.fetchval(_SQL["overdue"], now)
    return found
