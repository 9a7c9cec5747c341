"""Accounts: the tenants that every other row belongs to."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import msgspec

from worker.ids import new_id
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("accounts")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant with its settings. `private_targets`: whether outgoing webhooks may go to private addresses.
    `charging_stopped_at`: since when nothing of it is charged, `charging_stopped_by` who stopped that.
    `retention_days`: how long the bodies of settled events are kept, None for ever."""

    id: str
    name: str
    currency: str
    timezone: str
    registry_enabled: bool
    owner_privacy: bool
    retry_intervals_s: tuple[int, ...]
    private_targets: bool
    charging_stopped_at: datetime | None
    charging_stopped_by: str | None
    retention_days: int | None
    version: int
    created_at: datetime
    updated_at: datetime


async def add(
    connection: Pooled, name: str, *, currency: str = "BRL", timezone: str = "UTC", registry_enabled: bool = False
) -> tuple[Account, bool]:
    """The account of this name and whether this call made it. Safe when two make it at once."""
    row = await connection.fetchrow(_SQL["add_account"], new_id(), name, currency, timezone, registry_enabled)
    if row:
        return _account(row), True
    found = await find(connection, name)
    if found is None:
        raise LookupError(f"no account {name}, though it was there a moment ago")
    return found, False


async def get(connection: Pooled, account_id: str) -> Account:
    """The account of an id that came from an actor or a connection. LookupError where there is none."""
    row = await connection.fetchrow(_SQL["get_account"], account_id)
    if row is None:
        raise LookupError(f"no account {account_id}")
    return _account(row)


async def hold(connection: Pooled, account_id: str) -> Account:
    """As `get`, and nobody else changes it until the end of this transaction."""
    row = await connection.fetchrow(_SQL["hold_account"], account_id)
    if row is None:
        raise LookupError(f"no account {account_id}")
    return _account(row)


async def save(connection: Pooled, account: Account) -> None:
    """Write the settings of an account that this transaction holds; its version goes up by one."""
    await connection.execute(
        _SQL["save_account"],
        account.id,
        account.currency,
        account.timezone,
        account.registry_enabled,
        account.owner_privacy,
        list(account.retry_intervals_s),
        account.private_targets,
        account.charging_stopped_at,
        account.charging_stopped_by,
        account.retention_days,
    )


async def find(connection: Pooled, name: str) -> Account | None:
    row = await connection.fetchrow(_SQL["find_account"], name)
    return _account(row) if row else None


async def list_(connection: Pooled) -> list[Account]:
    return [_account(row) for row in await connection.fetch(_SQL["list_accounts"])]


async def hold_start(connection: Pooled) -> None:
    """Hold what a first start makes until the end of this transaction: of two that start at once, one waits."""
    await connection.execute(_SQL["hold_start"])


def _account(row: asyncpg.Record) -> Account:
    return Account(**{**row, "retry_intervals_s": tuple(row["retry_intervals_s"])})
