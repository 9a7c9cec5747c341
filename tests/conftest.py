"""Real servers for the tests: one PostgreSQL and one Valkey a test process, started when the first test asks for them.

They are the binaries that `daybook up` runs, started by the same code; only PostgreSQL's durability is off. A test that
wants to kill a server starts one of its own (see `integration/test_local_servers.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest
from redis import Redis

from tests.stripe import impatient, stand_in, stripe
from worker.local.postgres import Postgres
from worker.local.valkey import Valkey

# A law is not a matter of time: a busy machine must not fail one. Where CI is set the examples are the same each time, so
# that a run says something about the change; elsewhere each run looks for new ones.
hypothesis.settings.register_profile("daybook", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("daybook")

__all__ = ("impatient", "stand_in", "stripe")  # fixtures of theirs for all tests

TEMPLATE = "daybook_template"
IN_A_HURRY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
MEMORY_BYTES = 2 * 1024**3


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A private folder with a short path (a socket's path ends at 107 bytes), in memory where there is room for it:
    a database is then made in 10 ms, however busy the disk is."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="daybook-test-", dir=memory if roomy else "/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[Postgres]:
    """The PostgreSQL of this test process, with a migrated template database in it."""
    server = Postgres(
        servers_folder / "postgres",
        sockets=servers_folder,
        password="test-only",
        log=servers_folder / "postgres.log",
        options=IN_A_HURRY,
    )
    try:
        run(lambda: _with_template(server))
        yield server
    finally:
        run(lambda: server.stop(hurry=True))


@pytest.fixture(scope="session")
def valkey(servers_folder: Path) -> Iterator[Valkey]:
    """The Valkey of this test process."""
    server = Valkey(
        servers_folder / "valkey", sockets=servers_folder, password="test-only", log=servers_folder / "valkey.log"
    )
    try:
        run(server.start)
        yield server
    finally:
        run(lambda: server.stop(hurry=True))


_numbers = itertools.count(1)


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh, migrated database of this test's own. Whatever the test was about, the books that it leaves
    behind are sound: no check of `checks.sql` finds anything. A test that breaks them on purpose is marked
    `broken_data`, with the reason."""
    name = f"test_{next(_numbers)}"
    run(lambda: execute(postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    yield postgres.url(name)
    try:
        if request.node.get_closest_marker("broken_data") is None:
            run(lambda: _check_books(postgres.url(name)))
    finally:
        run(lambda: execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The address of an empty Valkey that no other running test uses."""
    with Redis.from_url(valkey.url()) as client:
        client.flushall()
    return valkey.url()


async def _with_template(server: Postgres) -> None:
    from worker.store.migrate import migrate

    await server.start()
    await execute(server, f"CREATE DATABASE {TEMPLATE}")
    await migrate(server.url(TEMPLATE))


async def _check_books(url: str) -> None:
    """Fail where an invariant does not hold. A database without an order is not looked at, for the sake of time."""
    from worker.store.checks import broken
    from worker.store.db import open_pool

    pool = await open_pool(url, size=1)
    try:
        # Tests that charge keep a clock of their own: it had come to the newest attempt at least.
        charged_at = await pool.fetchval("SELECT max(created_at) FROM charge_attempts")
        found = await broken(pool, charged_at) if await pool.fetchval("SELECT EXISTS (SELECT FROM orders)") else {}
    finally:
        await pool.close()
    if found:
        pytest.fail(f"the test leaves books behind that are not sound: {found}", pytrace=False)


async def execute(server: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(make: Callable[[], Awaitable[object]]) -> None:
    """Run to its end in a loop of its own, which the tests' loops know nothing of."""

    async def main() -> None:
        await make()

    with asyncio.Runner() as runner:
        runner.run(main())
