"""Connections: the configured inbound sources, with their secrets sealed.

**A secret leaves here sealed only.** It is opened by the receiver, to verify, and by nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from schemas.provider import Source
from worker.errors import UserError
from worker.ids import new_id
from worker.providers import adapters
from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements
from worker.vault import Vault

_SQL = statements("connections")
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
SECRETS_LIMIT = 5
"""Secrets that may be valid at once. A rotation beyond it drops the oldest."""
_SECRET_LENGTH, _SETTINGS_LENGTH = 1024, 16_384


class ConnectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """`secrets` is sealed: `Vault.open` gives them, the newest first. So are the former ones, which let nobody in."""

    account_id: str
    id: str
    name: str
    provider: str
    settings: dict[str, Any]
    secrets: bytes
    former_secrets: bytes | None
    version: int
    created_at: datetime
    updated_at: datetime


class Unfit(UserError):
    """A connection that cannot be as asked. `code` is `taken` or `invalid`, `field` names the culprit."""

    def __init__(self, message: str, *, field: str, remedy: str, code: str = "invalid") -> None:
        super().__init__(message, remedy=remedy)
        self.code, self.field = code, field


async def state(pool: Pool) -> object:
    """A value that differs from the one before whenever any connection was added or changed."""
    async with acquire(pool) as connection:
        row = await connection.fetchrow(_SQL["connections_state"])
    return tuple(row.values()) if row else ()


async def read_all(pool: Pool) -> list[ConnectionRow]:
    async with acquire(pool) as connection:
        return [ConnectionRow(**row) for row in await connection.fetch(_SQL["read_connections"])]


async def get(pool: Pool, account_id: str, connection_id: str) -> ConnectionRow | None:
    async with acquire(pool) as connection:
        return _found(await connection.fetchrow(_SQL["get_connection"], account_id, connection_id))


async def find(pool: Pool, name: str) -> ConnectionRow | None:
    """The connection of a name, of any account: check `account_id` before showing it to anyone."""
    async with acquire(pool) as connection:
        return _found(await connection.fetchrow(_SQL["find_connection"], name))


async def named(connection: Pooled, account_id: str, name: str) -> ConnectionRow | None:
    """The account's connection of this name."""
    found = _found(await connection.fetchrow(_SQL["find_connection"], name))
    return found if found is not None and found.account_id == account_id else None


async def list_(pool: Pool, account_id: str, *, before: str | None = None, limit: int = 1000) -> list[ConnectionRow]:
    """The account's connections, newest first; those older than `before` (an id)."""
    async with acquire(pool) as connection:
        rows = await connection.fetch(_SQL["list_connections"], account_id, before, limit)
    return [ConnectionRow(**row) for row in rows]


async def of_provider(connection: Pooled, account_id: str, provider: str) -> list[tuple[str, str]]:
    """(id, name) of the account's connections of a provider, by name."""
    rows = await connection.fetch(_SQL["of_provider"], account_id, provider)
    return [(row["id"], row["name"]) for row in rows]


async def source_of(connection: Pooled, account_id: str, connection_id: str) -> Source:
    """Name and settings of a connection, which is there, without its secrets."""
    row = await connection.fetchrow(_SQL["get_connection"], account_id, connection_id)
    if row is None:
        raise LookupError(f"no connection {connection_id}")
    return Source(row["name"], settings=row["settings"])


async def add(
    pool: Pool,
    vault: Vault,
    account_id: str,
    name: str,
    provider: str,
    secrets: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> ConnectionRow:
    """A new connection. Unfit for a bad or taken name, an unknown provider, an empty secret, unusable settings."""
    if not NAME.fullmatch(name):
        raise Unfit(
            f"{name!r:.80} cannot be the name of a connection.",
            field="name",
            remedy="Use up to 63 lower-case letters, digits, dots, hyphens and underscores, a letter or digit first.",
        )
    if provider not in adapters():
        raise Unfit(
            f"There is no provider {provider!r:.40}.",
            field="provider",
            remedy=f"Use one of: {', '.join(sorted(adapters()))}.",
        )
    sealed = vault.seal(_usable(secrets))
    kept = _storable(settings or {})
    connection_id = new_id()
    async with transaction(pool) as connection:
        row = await connection.fetchrow(_SQL["add_connection"], account_id, connection_id, name, provider, kept, sealed)
        if await connection.fetchval(_SQL["name_connection"], name, account_id, connection_id) is None:
            raise Unfit(
                f"The name {name} is taken.",
                code="taken",
                field="name",
                remedy="Choose another: names are unique over all accounts of this installation.",
            )
    return _certain(row)


async def update(
    pool: Pool,
    vault: Vault,
    account_id: str,
    connection_id: str,
    *,
    secrets: Sequence[str] | None = None,
    keep_old: bool = False,
    end_old: bool = False,
    settings: Mapping[str, Any] | None = None,
    if_version: int | None = None,
) -> ConnectionRow | None:
    """New secrets in place of the old ones, or with `keep_old` before them (rotation without a lost delivery); with
    `end_old` only the newest that is there stays; new settings in place of the old ones. None where the account has no
    such connection; Unfit as for `add`, and with the code `version` where it is not at `if_version` any more."""
    given = _usable(secrets) if secrets is not None else None
    kept = _storable(settings) if settings is not None else None
    async with transaction(pool) as connection:
        held = _found(await connection.fetchrow(_SQL["hold_connection"], account_id, connection_id))
        if held is None:
            return None
        if if_version is not None and held.version != if_version:
            raise Unfit(
                f"The connection is at version {held.version} now.",
                code="version",
                field="version",
                remedy="Get it again.",
            )
        valid = opened = vault.open(held.secrets)
        if given is not None:
            valid = tuple(dict.fromkeys((*given, *opened) if keep_old else given))[:SECRETS_LIMIT]
        elif end_old:
            valid = opened[:1]
        new_settings = held.settings if kept is None else kept
        if valid == opened and new_settings == held.settings:
            return held
        sealed, former = held.secrets, held.former_secrets
        if valid != opened:
            before = (*opened, *(vault.open(held.former_secrets) if held.former_secrets else ()))
            ended = [secret for secret in dict.fromkeys(before) if secret not in valid][:SECRETS_LIMIT]
            sealed, former = vault.seal(valid), vault.seal(ended) if ended else None
        row = await connection.fetchrow(
            _SQL["update_connection"], account_id, connection_id, new_settings, sealed, former
        )
    return _certain(row)


def _found(row: asyncpg.Record | None) -> ConnectionRow | None:
    return ConnectionRow(**row) if row else None


def _certain(row: asyncpg.Record | None) -> ConnectionRow:
    if row is None:
        raise AssertionError("the statement answers with its row")
    return ConnectionRow(**row)


def _usable(secrets: Sequence[str]) -> list[str]:
    """The secrets without blanks around them and without repeats, or Unfit. No message says what a secret is."""
    cleaned = [secret.strip() for secret in secrets]
    if not cleaned or not all(cleaned):
        raise Unfit(
            "An empty secret would let anyone in.",
            field="secrets",
            remedy="Give the secret that the provider shows for this address.",
        )
    if any(len(secret) > _SECRET_LENGTH or not secret.isprintable() for secret in cleaned):
        raise Unfit(
            f"A secret is longer than {_SECRET_LENGTH} characters, or holds unprintable ones.",
            field="secrets",
            remedy="Copy it from the provider once more.",
        )
    unique = list(dict.fromkeys(cleaned))
    if len(unique) > SECRETS_LIMIT:
        raise Unfit(
            f"Up to {SECRETS_LIMIT} secrets may be valid at once.", field="secrets", remedy="Leave out the oldest."
        )
    return unique


def _storable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as the database will give them back, or Unfit."""
    try:
        text = msgspec.json.encode(dict(settings))
        if len(text) > _SETTINGS_LENGTH or b"\\u0000" in text:
            raise ValueError
        kept = msgspec.json.decode(text, type=dict[str, Any])
        if kept != settings:  # a number that is not what it was
            raise ValueError
        return kept
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        raise Unfit(
            "The settings cannot be stored.",
            field="settings",
            remedy=f"Give a JSON object of up to {_SETTINGS_LENGTH} bytes, without NUL characters.",
        ) from None
