"""Tokens, sign-in links and browser sessions.

A token is a name with a role; its secret is shown once and only its hash is kept. Links and sessions are further
secrets that stand for the same token for a while, so that revoking the token ends them too.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from schemas.account import Actor, Permission, Role
from worker.errors import UserError
from worker.ids import new_id
from worker.store.db import Pool, Pooled, acquire, transaction
from worker.store.statements import statements

__all__ = [
    "Actor",
    "TokenRow",
    "add",
    "exists",
    "find",
    "forget",
    "get",
    "grant",
    "issue",
    "list_",
    "new_secret",
    "revoke",
]

_SQL = statements("tokens")
PREFIXES = {"bearer": "dbk_", "link": "dbl_", "session": "dbs_"}
"""So that a secret scanner, or a person, sees what a leaked string is."""
LIFETIMES = {"link": timedelta(minutes=15), "session": timedelta(hours=12)}
_SECRET_LIMIT = 512


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret, which nothing knows."""

    account_id: str
    id: str
    name: str
    role: str
    permissions: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None


def hash_of(secret: str) -> bytes:
    """SHA-256 is enough for 256 random bits: there is nothing to guess, so nothing to slow down."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def add(
    pool: Pool,
    account_id: str,
    name: str,
    role: str,
    permissions: Iterable[str] = (),
    *,
    expires_at: datetime | None = None,
    value: str | None = None,
) -> tuple[TokenRow, str]:
    """A new token and its secret, which cannot be had again. UserError for an unknown role or permission."""
    _check(name, role, given := sorted(set(permissions)))
    secret = value or new_secret("bearer")
    async with transaction(pool) as connection:
        row = await connection.fetchrow(_SQL["add_token"], account_id, new_id(), name, role, given)
        if row is None:
            raise AssertionError("an insert answers with its row")
        added = await connection.fetchval(
            _SQL["add_hash"], hash_of(secret), account_id, row["id"], "bearer", expires_at
        )
        if added is None:
            raise UserError("This token value is in use already.", remedy="Leave the value out: a random one is made.")
    return msgspec.structs.replace(_token(row), expires_at=expires_at), secret


async def issue(
    pool: Pool,
    account_id: str,
    name: str,
    role: str,
    permissions: Iterable[str] = (),
    *,
    expires_at: datetime | None = None,
    value: str | None = None,
) -> str:
    """As `add`, when only the secret matters."""
    return (await add(pool, account_id, name, role, permissions, expires_at=expires_at, value=value))[1]


async def grant(pool: Pool, account_id: str, token_id: str, purpose: str, lifetime: timedelta | None = None) -> str:
    """A `link` (used once) or a `session` for a token that exists: its secret. UserError if the token was revoked."""
    secret = new_secret(purpose)
    expires_at = datetime.now(UTC) + (lifetime or LIFETIMES[purpose])
    async with acquire(pool) as connection:
        await connection.execute(_SQL["forget_expired"])
        added = await connection.fetchval(_SQL["add_hash"], hash_of(secret), account_id, token_id, purpose, expires_at)
    if added is None:
        raise UserError("The token was revoked.", remedy="Sign in with another, or make one with `daybook token add`.")
    return secret


async def find(pool: Pool, secret: str, purpose: str = "bearer") -> Actor | None:
    """Whose secret this is, or None. Finding a link uses it up: of two that try it at once, one finds it."""
    if not secret or len(secret) > _SECRET_LIMIT:
        return None
    statement = _SQL["use_link" if purpose == "link" else "find_token"]
    async with acquire(pool) as connection:
        row = await connection.fetchrow(statement, hash_of(secret), purpose)
    if row is None:
        return None
    return Actor(
        account_id=row["account_id"],
        token_id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        permissions=frozenset(row["permissions"]),
        owner_privacy=row["owner_privacy"],
        registry_enabled=row["registry_enabled"],
        timezone=row["timezone"],
        in_browser=purpose == "session",
    )


async def forget(pool: Pool, secret: str) -> None:
    """End a session (or a link that was not used)."""
    async with acquire(pool) as connection:
        await connection.execute(_SQL["forget_hash"], hash_of(secret))


async def revoke(pool: Pool, account_id: str, token_id: str) -> bool:
    """The token, its links and its sessions stand no more. False where there is no such token."""
    async with transaction(pool) as connection:
        found = await connection.fetchval(_SQL["revoke_token"], account_id, token_id)
        await connection.execute(_SQL["forget_token"], account_id, token_id)
    return found is not None


async def get(pool: Pool, account_id: str, token_id: str) -> TokenRow | None:
    async with acquire(pool) as connection:
        row = await connection.fetchrow(_SQL["get_token"], account_id, token_id)
    return _token(row) if row else None


async def exists(connection: Pooled, account_id: str, token_id: str) -> bool:
    """Whether the account has such a token, revoked or not: who may own something."""
    return bool(await connection.fetchval(_SQL["token_exists"], account_id, token_id))


async def list_(pool: Pool, account_id: str, *, before: str | None = None, limit: int = 1000) -> list[TokenRow]:
    """The account's tokens, newest first; those older than `before` (an id)."""
    async with acquire(pool) as connection:
        return [_token(row) for row in await connection.fetch(_SQL["list_tokens"], account_id, before, limit)]


def _token(row: asyncpg.Record) -> TokenRow:
    return TokenRow(**{**row, "permissions": tuple(row["permissions"])})


def new_secret(purpose: str) -> str:
    """256 random bits behind the prefix of their purpose."""
    return PREFIXES[purpose] + secrets.token_urlsafe(32)


def _check(name: str, role: str, permissions: list[str]) -> None:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise UserError(
            "A token needs a name of up to 100 printable characters.", remedy="Name who or what will use it."
        )
    if role not in tuple(Role):
        raise UserError(f"There is no role {role!r:.40}.", remedy=f"Use one of: {', '.join(Role)}.")
    unknown = [permission for permission in permissions if permission not in tuple(Permission)]
    if unknown:
        raise UserError(f"There is no permission {unknown[0]!r:.40}.", remedy=f"Use any of: {', '.join(Permission)}.")
