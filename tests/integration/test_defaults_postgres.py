"""asyncpg's and PostgreSQL's defaults that hang for ever, and ours at work (I1, X5). `docs/faults.md` lists them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from worker.errors import Transient, classify
from worker.store import db

SQL = Path(db.__file__).parent


async def test_every_session_of_the_pool_has_its_bounds(database: str) -> None:
    pool = await db.open_pool(database, size=2)
    async with db.acquire(pool) as connection:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await connection.fetchval("SELECT current_setting($1)", name) == db.SERVER_SETTINGS[name]
    await pool.close()


async def test_I1_a_session_stuck_in_a_transaction_is_ended_and_its_locks_go(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(db.SERVER_SETTINGS, "idle_in_transaction_session_timeout", "200ms")
    monkeypatch.setitem(db.SERVER_SETTINGS, "lock_timeout", "20s")
    stuck, other = await db.connect(database), await db.connect(database)
    await stuck.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
    assert await other.fetchval("SELECT count(*) FROM events") == 0  # it had waited for the lock
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await stuck.execute("SELECT 1")
    await other.close()
    stuck.terminate()


async def test_I1_a_wait_for_a_lock_ends_and_is_tried_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(db.SERVER_SETTINGS, "lock_timeout", "100ms")
    holder, waiter = await db.connect(database), await db.connect(database)
    async with holder.transaction():
        await holder.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError) as raised:
            await waiter.fetchval("SELECT count(*) FROM events")
    assert isinstance(classify(raised.value), Transient)
    await holder.close()
    await waiter.close()


async def test_I1_a_statement_that_runs_on_ends_and_is_tried_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(db.SERVER_SETTINGS, "statement_timeout", "100ms")
    connection = await db.connect(database)
    with pytest.raises(asyncpg.QueryCanceledError) as raised:
        await connection.execute("SELECT pg_sleep(20)")
    assert isinstance(classify(raised.value), Transient)
    await connection.close()


async def test_I1_a_pool_with_no_free_connection_refuses_instead_of_waiting_for_ever(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "ACQUIRE_TIMEOUT_S", 0.1)
    pool = await db.open_pool(database, size=1)
    async with db.acquire(pool):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20), db.acquire(pool):
                pass
    await pool.close()


def test_no_statement_keeps_state_in_a_session_that_the_pool_does_not_reset() -> None:
    lasting = re.compile(
        r"^\s*SET (SESSION\b|\w+ TO\b)|\bpg_(try_)?advisory_lock\(|^\s*(LISTEN|PREPARE)\b", re.MULTILINE
    )
    statements = [path for path in SQL.rglob("*.sql") if "migrations" not in path.parts]
    assert statements
    assert [path.name for path in statements if lasting.search(path.read_text(encoding="utf-8"))] == []
