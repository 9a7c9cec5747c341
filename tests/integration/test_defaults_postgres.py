"""asyncpg's and PostgreSQL's defaults that hang for ever, and ours at work (I1, X5). `docs/faults.md` lists them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import pytest

from worker.errors import DATABASE_ERRORS, Transient, classify
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
    with pytest.raises(DATABASE_ERRORS):
        await stuck.execute("SELECT 1")
    await other.close()
    stuck.terminate()


async def test_I1_a_session_that_postgres_ended_is_a_transient_loss_before_its_connection_is_gone(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The farewell of PostgreSQL and the end of the connection are two packets: a statement may fall between them."""
    monkeypatch.setitem(db.SERVER_SETTINGS, "idle_in_transaction_session_timeout", "200ms")
    parts = urlsplit(database)
    query = dict(parse_qsl(parts.query))
    said_farewell, closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_unix_connection(f"{query['host']}/.s.PGSQL.{query['port']}")

        async def forward() -> None:
            while data := await reader.read(65536):
                onward.write(data)

        forth = asyncio.create_task(forward())
        while data := await there.read(65536):
            writer.write(data)
        said_farewell.set()  # and the end of the connection is kept back
        await forth
        for end in (onward, writer):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()
        closed.set()

    async with await asyncio.start_unix_server(serve, path=str(tmp_path / ".s.PGSQL.5432")):
        connection = await db.connect(
            urlunsplit(parts._replace(query=urlencode({"host": str(tmp_path), "port": "5432"})))
        )
        await connection.execute("BEGIN")
        async with asyncio.timeout(20):
            await said_farewell.wait()
        with pytest.raises(DATABASE_ERRORS) as raised:
            await connection.execute("SELECT 1")
        assert isinstance(classify(raised.value), Transient)
        connection.terminate()
        async with asyncio.timeout(20):
            await closed.wait()


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
