"""Contacts and the keys (customer ids, e-mail addresses) by which senders know them.

Two customers that share a key are one contact, whichever key was seen first; so the contacts that remain do not depend
on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from worker.store import seeds
from worker.store.db import Pooled
from worker.store.statements import statements

_SQL = statements("contacts")


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """`stated_at`: per field, when it was stated (microseconds since 1970). `owner_id`: the token whose it is."""

    id: str
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    anonymous: bool = False
    stated_at: dict[str, int] = {}
    owner_id: str | None = None


async def find_keys(connection: Pooled, account_id: str, keys: Iterable[str]) -> dict[str, str]:
    rows = await connection.fetch(_SQL["find_keys"], account_id, sorted(keys))
    return {row["key"]: row["contact_id"] for row in rows}


async def lock(connection: Pooled, account_id: str, ids: Iterable[str]) -> dict[str, Contact]:
    rows = await connection.fetch(_SQL["lock_contacts"], account_id, sorted(set(ids)))
    return {row["id"]: Contact(**dict(row)) for row in rows}


async def save(connection: Pooled, account_id: str, contacts: Sequence[Contact]) -> None:
    rows = sorted(contacts, key=lambda contact: contact.id)
    await connection.execute(
        _SQL["save_contacts"],
        account_id,
        [row.id for row in rows],
        [row.email for row in rows],
        [row.name for row in rows],
        [row.phone for row in rows],
        [row.anonymous for row in rows],
        [row.stated_at for row in rows],
        [row.owner_id for row in rows],
    )


async def add_keys(connection: Pooled, account_id: str, keys: Mapping[str, str]) -> set[str]:
    """Give keys to contacts; the keys that were given by this call."""
    names = sorted(keys)
    rows = await connection.fetch(_SQL["add_keys"], account_id, names, [keys[name] for name in names])
    return {row["key"] for row in rows}


async def merge(connection: Pooled, account_id: str, merged: Mapping[str, str]) -> None:
    """`merged` (source -> target): all that is theirs goes to the target, the source rows go."""
    sources = sorted(merged)
    targets = [merged[source] for source in sources]
    for name in ("merge_keys", "merge_deals", "merge_orders", "merge_units", "merge_sales_plans", "merge_checkouts"):
        await connection.execute(_SQL[name], account_id, sources, targets)
    await seeds.merge(connection, account_id, merged)
    await connection.execute(_SQL["delete_contacts"], account_id, sources)
