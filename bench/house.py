"""A Daybook of real processes, as durable as in production, to be measured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
from redis.asyncio import Redis

from bench.load import Told
from tests.world import SECRETS
from worker.ids import new_id
from worker.local.address import listen
from worker.local.postgres import Postgres
from worker.local.process import Child
from worker.local.valkey import Valkey
from worker.store.db import open_pool
from worker.store.migrate import migrate
from worker.vault import Vault

KEY = "bench-key"
PASSWORD = "bench"
CONNECTIONS = 64
PROGRAM = "import sys; sys.argv = ['daybook', *sys.argv[1:]]; from worker.cli import main; main()"
DEADLINE_S = 600
UNSETTLED = "SELECT EXISTS (SELECT FROM event_states WHERE next_attempt_at IS NOT NULL)"
EMPTIED = (
    "events, event_states, batches, dossiers, links, refs, contacts, contact_keys, orders, order_items, order_charges, "
    "order_merges, payments, timeline, counters"
)


class House:
    """PostgreSQL and Valkey with their durable settings. `daybook` and `grown` are databases of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.postgres = Postgres(
            folder / "postgres", sockets=folder, password=PASSWORD, log=folder / "postgres.log",
            options={"max_wal_size": "4GB", "checkpoint_timeout": "15min"},
        )  # fmt: skip
        self.valkey = Valkey(folder / "valkey", sockets=folder, password=PASSWORD, log=folder / "valkey.log")
        self._numbers = 0

    async def start(self) -> None:
        await self.postgres.start()
        await self.valkey.start()
        await self.prepare("daybook")

    async def stop(self) -> None:
        await self.valkey.stop(hurry=True)
        await self.postgres.stop(hurry=True)

    async def prepare(self, database: str) -> None:
        """The schema, an account and the connection `stripe`."""
        await migrate(self.postgres.url(database))
        pool = await open_pool(self.postgres.url(database), size=1)
        account, connection = new_id(), new_id()
        await pool.execute("INSERT INTO accounts (id, name, registry_enabled) VALUES ($1, 'default', true)", account)
        await pool.execute(
            "INSERT INTO connections (account_id, id, name, provider, secrets) VALUES ($1, $2, 'stripe', 'stripe', $3)",
            account, connection, Vault([KEY]).seal([SECRETS["stripe"]]),
        )  # fmt: skip
        await pool.execute("INSERT INTO connection_directory VALUES ('stripe', $1, $2)", account, connection)
        await pool.close()

    async def rows(self, sql: str, *arguments: object, database: str = "daybook") -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.postgres.url(database))
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    async def empty(self) -> None:
        """As after the first start, with nothing left to be written out or cleaned."""
        await self.rows(f"TRUNCATE {EMPTIED} CASCADE")
        await self.rows("CHECKPOINT")
        async with Redis.from_url(self.valkey.url()) as redis:
            await redis.flushall()

    async def give_up(self, database: str) -> None:
        """Leave nothing to be applied: what the door stored, to be measured itself, is nobody's work."""
        await self.rows(
            "UPDATE event_states SET state = 'ignored', next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL",
            database=database,
        )

    async def settled(self, database: str = "daybook") -> float:
        """Unix time at which the last event was settled, once all are. A poll of 10 ms, its delay taken off."""
        connection = await asyncpg.connect(self.postgres.url(database))
        until = time.monotonic() + DEADLINE_S
        try:
            while await connection.fetchval(
                "SELECT EXISTS (SELECT FROM event_states WHERE next_attempt_at IS NOT NULL)"
            ):
                if time.monotonic() > until:
                    raise TimeoutError("events are not applied")
                await asyncio.sleep(0.01)
            return time.time()
        finally:
            await connection.close()

    def _environment(self, database: str, more: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")}
        return {
            **kept, "DATABASE_URL": self.postgres.url(database), "REDIS_URL": self.valkey.url(),
            "DAYBOOK_SECRET_KEY": KEY, **more,
        }  # fmt: skip

    @asynccontextmanager
    async def receiver(self, database: str = "daybook") -> AsyncIterator[tuple[str, Child]]:
        """A receiver process: its address and the process."""
        async with self._listening("receive", [sys.executable, "-c", PROGRAM, "receive"], database) as found:
            async with aiohttp.ClientSession() as session:
                await _until_ready(session, f"http://{found[0]}/readyz")
            yield found

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[tuple[str, Child]]:
        """The floor, in a process of its own."""
        async with self._listening("bare", [sys.executable, "-m", "bench.bare", "{fd}"], "daybook") as found:
            yield found

    @asynccontextmanager
    async def _listening(self, name: str, command: Sequence[str], database: str) -> AsyncIterator[tuple[str, Child]]:
        listener = listen("127.0.0.1", 0)
        descriptor = str(listener.fileno())
        environment = self._environment(database, {"DAYBOOK_LISTEN_FD": descriptor})
        command = [word.format(fd=descriptor) for word in command]
        async with self._running(name, command, environment, (listener.fileno(),)) as child:
            yield f"127.0.0.1:{listener.getsockname()[1]}", child
        listener.close()

    @asynccontextmanager
    async def worker(self, database: str = "daybook", **more: str) -> AsyncIterator[Child]:
        """A worker process that has begun to poll its lanes."""
        before = await self._workers(database)
        command = [sys.executable, "-c", PROGRAM, "work"]
        async with self._running("work", command, self._environment(database, more), ()) as child:
            while await self._workers(database) <= before:  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.02)
            yield child

    async def _workers(self, database: str) -> int:
        [row] = await self.rows("SELECT count(*) AS n FROM workers", database=database)
        return int(row["n"])

    @asynccontextmanager
    async def _running(
        self, name: str, command: Sequence[str], environment: dict[str, str], inherit: tuple[int, ...]
    ) -> AsyncIterator[Child]:
        child = Child(name, command, log=self._folder / f"{name}.log", environment=environment, inherit=inherit)
        child.start()
        try:
            yield child
            if not child.alive:
                raise RuntimeError(f"{name} ended: {child.last_lines()}")
        finally:
            await child.stop(15)

    async def load(self, address: str, requests: Sequence[bytes], *, mark: str, rate: float = 0) -> Told:
        """Let the generator send the requests; every answer has to be right."""
        self._numbers += 1
        file = self._folder / f"load-{self._numbers}"
        file.write_bytes(msgspec.msgpack.encode(requests))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", address, str(file), mark, str(CONNECTIONS), str(rate),
            stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        file.unlink()
        if process.returncode:
            raise RuntimeError("the load generator failed: see above")
        told = msgspec.json.decode(out, type=Told)
        if told.wrong or told.right != len(requests):
            raise RuntimeError(f"{told.wrong} of {len(requests)} answers were wrong: {told.first_wrong}")
        return told


async def _until_ready(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def house(folder: Path | None = None) -> AsyncIterator[House]:
    """A house of its own on the disk of the temporary folder, removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="daybook-bench-", dir=folder))
    it = House(made)
    try:
        await it.start()
        yield it
    finally:
        await it.stop()
        shutil.rmtree(made, ignore_errors=True)
