"""Connections to PostgreSQL.

The pool never resets a connection on release (that costs a round trip each time), so session state is forbidden:
`SET LOCAL` only, and only transaction-level advisory locks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import msgspec

from worker import metrics

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pooled: TypeAlias = "Connection | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

ACQUIRE_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
SERVER_SETTINGS = {
    "application_name": "daybook",
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    # A page out of order costs little more than the next one, on anything but a spinning disk: by the default of 4 the
    # planner reads a whole table where an index has the few rows that are asked for.
    "random_page_cost": "1.1",
    # A host that vanishes says nothing: without these its session, and what it has locked, would stay for hours.
    "tcp_user_timeout": "15s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

KEYED_SETTINGS = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""For sessions that only ever look rows up by key. A plan is cached when it is first used, on a young instance while
its tables are all but empty, and reading a whole table looks cheap then: a first burst would read what grows with it
again and again, until the next ANALYZE. One plan for all values, made once: a key is a key."""


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def _prepare(connection: Connection) -> None:
    connection.add_query_logger(metrics.statement_done)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=to_json, decoder=msgspec.json.decode, format="text"
        )


async def _keep_session(_connection: Any) -> None:
    """In place of asyncpg's reset."""


async def connect(url: str) -> Connection:
    """One dedicated connection."""
    connection: Connection = await asyncpg.connect(
        url, command_timeout=COMMAND_TIMEOUT_S, server_settings=SERVER_SETTINGS, timeout=10
    )
    await _prepare(connection)
    return connection


def make_pool(
    url: str, *, size: int, least: int = 1, keyed: bool = False, timeout_s: float = COMMAND_TIMEOUT_S
) -> Pool:
    """A pool that connects when it is awaited; `keyed`: for statements that look rows up by key and do nothing else;
    `timeout_s`: how long a statement may take, seen from here."""
    return asyncpg.create_pool(
        url,
        min_size=least,
        max_size=size,
        init=_prepare,
        reset=_keep_session,
        command_timeout=timeout_s,
        max_inactive_connection_lifetime=120,
        server_settings={**SERVER_SETTINGS, **(KEYED_SETTINGS if keyed else {})},
        timeout=10,
    )


async def open_pool(url: str, *, size: int, least: int = 1, keyed: bool = False) -> Pool:
    """A connected pool; see `make_pool`."""
    return await make_pool(url, size=size, least=least, keyed=keyed)


@asynccontextmanager
async def acquire(pool: Pool) -> AsyncIterator[Pooled]:
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        yield connection


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Pooled]:
    """A transaction on a pooled connection."""
    async with acquire(pool) as connection, connection.transaction():
        yield connection
