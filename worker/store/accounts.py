"""Accounts: the tenants that every other row belongs to."""

from __future__ import annotations

from datetime import datetime

import msgspec

from worker.ids import new_id
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("accounts")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    currency: str
    timezone: str
    registry_enabled: bool
    created_at: datetime


async def add(
    connection: Pooled, name: str, *, currency: str = "BRL", timezone: str = "UTC", registry_enabled: bool = False
) -> tuple[Account, bool]:
    """The account of this name and whether this call made it. Safe when two make it at once."""
    row = await connection.fetchrow(_SQL["add_account"], new_id(), name, currency, timezone, registry_enabled)
    if row:
        return Account(**row), True
    found = await find(connection, name)
    if found is None:
        raise LookupError(f"no account {name}, though it was there a moment ago")
    return found, False


async def get(connection: Pooled, account_id: str) -> Account:
    """The account of an id that came from an actor or a connection. LookupError where there is none."""
    row = await connection.fetchrow(_SQL["get_account"], account_id)
    if row is None:
        raise LookupError(f"no account {account_id}")
    return Account(**row)


async def find(connection: Pooled, name: str) -> Account | None:
    row = await connection.fetchrow(_SQL["find_account"], name)
    return Account(**row) if row else None


async def list_(connection: Pooled) -> list[Account]:
    return [Account(**row) for row in await connection.fetch(_SQL["list_accounts"])]


async def hold_start(connection: Pooled) -> None:
    """Hold what a first start makes until the end of this transaction: of two that start at once, one waits."""
    await connection.execute(_SQL["hold_start"])
