"""Subscribers of the feed, with their secrets sealed. **A secret leaves here sealed only.**"""

from __future__ import annotations

from datetime import datetime

import asyncpg
import msgspec

from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements

_SQL = statements("subscribers")


class SubscriberRow(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` and `former_secret` are sealed; `types` is None where it wants all."""

    account_id: str
    id: str
    url: str
    description: str | None
    types: list[str] | None
    state: str
    reason: str | None
    secret: bytes
    former_secret: bytes | None
    former_until: datetime | None
    version: int
    removed_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def add(
    connection: Pooled,
    account_id: str,
    subscriber_id: str,
    *,
    url: str,
    description: str | None,
    types: list[str] | None,
    secret: bytes,
) -> SubscriberRow:
    return _certain(
        await connection.fetchrow(_SQL["add_subscriber"], account_id, subscriber_id, url, description, types, secret)
    )


async def get(connection: Pooled, account_id: str, subscriber_id: str) -> SubscriberRow | None:
    return _found(await connection.fetchrow(_SQL["get_subscriber"], account_id, subscriber_id))


async def hold(connection: Pooled, account_id: str, subscriber_id: str) -> SubscriberRow | None:
    """As `get`, and held until the end of the transaction."""
    return _found(await connection.fetchrow(_SQL["hold_subscriber"], account_id, subscriber_id))


async def list_(connection: Pooled, account_id: str, before: str | None, limit: int) -> list[SubscriberRow]:
    """Newest first; those older than `before` (an id)."""
    rows = await connection.fetch(_SQL["list_subscribers"], account_id, before, limit)
    return [SubscriberRow(**row) for row in rows]


async def count(connection: Pooled, account_id: str) -> int:
    found: int = await connection.fetchval(_SQL["count_subscribers"], account_id)
    return found


async def update(connection: Pooled, row: SubscriberRow) -> SubscriberRow:
    """Write a subscriber that this transaction holds; its version goes up."""
    return _certain(
        await connection.fetchrow(
            _SQL["update_subscriber"], row.account_id, row.id, row.url, row.description, row.types, row.state,
            row.reason, row.secret, row.former_secret, row.former_until,
        )
    )  # fmt: skip


async def remove(connection: Pooled, account_id: str, subscriber_id: str) -> None:
    await connection.execute(_SQL["remove_subscriber"], account_id, subscriber_id)


async def may_send_inside(connection: Pooled, account_id: str) -> bool:
    """The account's setting `private_targets`."""
    return bool(await connection.fetchval(_SQL["private_targets"], account_id))


async def forget_former(pool: Pool, now: datetime) -> None:
    """Drop the secrets whose time beside the new one is over."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["forget_former"], now)


async def only_one(connection: Pooled) -> bool:
    """Whether this transaction may forget: of two that delete the deliveries of one event side by side, neither would
    see that the event has none left."""
    return bool(await connection.fetchval(_SQL["try_lock"]))


async def forget_removed(pool: Pool, limit: int) -> int:
    """Delete rows of subscribers that were removed, up to `limit` deliveries of each; how many there were."""
    async with acquire(pool) as connection:
        removed = await connection.fetch(_SQL["removed_subscribers"])
    forgotten = 0
    for row in removed:
        async with transaction(pool) as connection:
            if not await only_one(connection):
                continue
            rows = await connection.fetch(_SQL["forget_deliveries"], row["account_id"], row["id"], limit)
            if rows:
                events = [found["event_id"] for found in rows]
                await connection.execute(_SQL["forget_untold"], row["account_id"], events)
            else:
                await connection.execute(_SQL["forget_subscriber"], row["account_id"], row["id"])
            forgotten += len(rows)
    return forgotten


def _found(row: asyncpg.Record | None) -> SubscriberRow | None:
    return SubscriberRow(**row) if row else None


def _certain(row: asyncpg.Record | None) -> SubscriberRow:
    if row is None:
        raise AssertionError("the statement answers with its row")
    return SubscriberRow(**row)
