"""What was answered under each `Idempotency-Key` of an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from worker.store.db import Pool, acquire
from worker.store.statements import statements

_SQL = statements("idempotency_keys")
LIFETIME = timedelta(hours=24)
LEASE = timedelta(minutes=2)
"""How long an attempt has its key to itself: longer than any request takes."""
BATCH = 1000


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A key in use. Without a `status` its request is under way, or its process died."""

    token_id: str
    fingerprint: bytes
    status: int | None
    headers: dict[str, str] | None
    body: bytes | None
    sealed: bool


async def claim(pool: Pool, account_id: str, key: str, token_id: str, fingerprint: bytes, attempt_id: str) -> bool:
    """Whether the key is this attempt's now. Of many that ask at once, one has it."""
    async with acquire(pool) as connection:
        taken = await connection.fetchval(
            _SQL["claim"], account_id, key, token_id, fingerprint, attempt_id, LEASE, LIFETIME
        )
    return taken is not None


async def held(pool: Pool, account_id: str, key: str) -> Kept | None:
    async with acquire(pool) as connection:
        row = await connection.fetchrow(_SQL["held"], account_id, key)
    return Kept(**row) if row else None


async def keep(
    pool: Pool,
    account_id: str,
    key: str,
    attempt_id: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    sealed: bool,
) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["keep"], account_id, key, attempt_id, status, headers, body, sealed)


async def release(pool: Pool, account_id: str, key: str, attempt_id: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(_SQL["release"], account_id, key, attempt_id)


async def forget(pool: Pool) -> int:
    """Drop one batch of keys whose day is over; how many there were."""
    async with acquire(pool) as connection:
        done = await connection.execute(_SQL["forget"], LIFETIME, BATCH)
    return int(done.split()[-1])
