"""What refused deliveries leave behind: counts by minute, and a quarantine of the newest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements

_SQL = statements("refusals")
QUARANTINE_LIMIT = 100
"""Refused deliveries of one connection that are kept."""
RETENTION = timedelta(days=7)
_CAUSES_LIMIT = 500


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often a connection refused for one cause in one minute."""

    account_id: str
    connection_id: str
    minute: datetime
    cause: str
    count: int
    skew_s: int | None
    hint: str | None
    last_at: datetime


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A refused delivery, to be kept. `headers` and `query` are JSON text."""

    account_id: str
    id: str
    connection_id: str
    received_at: datetime
    cause: str
    skew_s: int | None
    hint: str | None
    headers: str
    query: str
    body: bytes


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The refusals of one cause over a time."""

    cause: str
    count: int
    skew_s: int | None
    hint: str | None
    last_at: datetime | None = None
    name: str = ""
    account_id: str = ""
    connection_id: str = ""
    accepted_since: bool = False


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in quarantine, without what it carried."""

    id: str
    received_at: datetime
    cause: str
    skew_s: int | None
    hint: str | None
    size: int


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in quarantine, as it came."""

    id: str
    received_at: datetime
    headers: str
    query: str
    body: bytes


async def record(
    pool: Pool, tallies: Sequence[Tally], unknown: Sequence[tuple[datetime, int]], held: Sequence[Held]
) -> None:
    """Add all of it in one transaction, with one statement for the counts."""
    async with transaction(pool) as connection:
        if tallies:
            await connection.execute(_SQL["add_refusals"], *_columns(tallies))
        if unknown:
            await connection.execute(_SQL["add_unknown"], [at for at, _ in unknown], [count for _, count in unknown])
        if held:
            await connection.execute(_SQL["add_quarantine"], *_columns(held))
            whose = sorted({(one.account_id, one.connection_id) for one in held})
            await connection.execute(
                _SQL["trim_quarantine"], [one[0] for one in whose], [one[1] for one in whose], QUARANTINE_LIMIT
            )


def _columns(rows: Sequence[msgspec.Struct]) -> list[list[object]]:
    return [[getattr(row, name) for row in rows] for name in rows[0].__struct_fields__]


async def counted(connection: Pooled, account_id: str, connection_id: str, since: datetime) -> list[Counted]:
    return [Counted(**row) for row in await connection.fetch(_SQL["counted"], account_id, connection_id, since)]


async def counted_everywhere(connection: Pooled, within: timedelta) -> list[Counted]:
    """Of all accounts; the causes of each connection, the most frequent first."""
    return [Counted(**row) for row in await connection.fetch(_SQL["counted_everywhere"], within, _CAUSES_LIMIT)]


async def counted_unknown(connection: Pooled, within: timedelta) -> int:
    return int(await connection.fetchval(_SQL["counted_unknown"], within))


async def held(connection: Pooled, account_id: str, connection_id: str) -> list[Listed]:
    rows = await connection.fetch(_SQL["held"], account_id, connection_id, QUARANTINE_LIMIT)
    return [Listed(**row) for row in rows]


async def held_whole(pool: Pool, account_id: str, connection_id: str, after: str | None, limit: int) -> list[Whole]:
    async with acquire(pool) as connection:
        rows = await connection.fetch(_SQL["held_whole"], account_id, connection_id, after, limit)
    return [Whole(**row) for row in rows]


async def release(pool: Pool, account_id: str, ids: Sequence[str]) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["release"], account_id, sorted(ids))


async def forget(pool: Pool) -> int:
    """Drop what is older than the retention; how many statements were needed."""
    names = ("forget_refusals", "forget_unknown", "forget_quarantine")
    async with acquire(pool) as connection:
        for name in names:
            await connection.execute(_SQL[name], RETENTION)
    return len(names)
