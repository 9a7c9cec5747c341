"""A Daybook of real processes over servers of its own, to be hurt: receivers and workers as they run in production."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from tests.chaos.sales import Told
from tests.world import SECRETS, World
from worker.local.address import listen
from worker.local.postgres import Postgres
from worker.local.process import Child
from worker.local.valkey import Valkey
from worker.providers import adapters
from worker.store.checks import broken
from worker.store.db import open_pool
from worker.store.inbox import NewEvent
from worker.store.migrate import migrate

SETTLED_WITHIN_S = 45.0
"""How long after the last fault anything acknowledged may stay unsettled: the bound that docs/running.md states."""
DRAIN_S = 5.0
LEAVE_S = 4.0
"""SIGTERM ends a process within the drain time and three seconds; one more for a busy machine."""
SETTINGS = {
    "DAYBOOK_SECRET_KEY": "test-key",
    "DAYBOOK_DRAIN_S": str(DRAIN_S),
    "STRIPE_WEBHOOK_SECRET": SECRETS["stripe"],
    "SHOPIFY_WEBHOOK_SECRET": SECRETS["shopify"],
}
PROGRAM = "import sys; sys.argv = ['daybook', *sys.argv[1:]]; from worker.cli import main; main()"


class Rig:
    """`receivers[i]` answers on `urls[i]`, a port that outlives it; `given` is more environment for the processes."""

    def __init__(self, folder: Path, sockets: Path, *, given: Mapping[str, str], program: str = PROGRAM) -> None:
        self.folder = folder
        self.postgres = Postgres(
            folder / "postgres", sockets=sockets, password="test-only", log=folder / "postgres.log", options={"fsync": "off"}
        )  # fmt: skip
        self.valkey = Valkey(folder / "valkey", sockets=sockets, password="test-only", log=folder / "valkey.log")
        self._given, self._program = given, program
        self._listeners: list[socket.socket] = []
        self.receivers: list[Child] = []
        self.workers: list[Child] = []
        self._resting: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None
        self.unasked: list[str] = []
        self.asked: set[str] = set()

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in self._listeners]

    @property
    def children(self) -> list[Child]:
        return [*self.receivers, *self.workers]

    async def start(self, receivers: int, workers: int) -> None:
        await self.postgres.start()
        await self.valkey.start()
        await migrate(self.postgres.url())
        for number in range(receivers):
            listener = listen("127.0.0.1", 0)
            self._listeners.append(listener)
            self.receivers.append(self._child(f"receive-{number}", "receive", listener))
        self.workers = [self._child(f"work-{number}", "work") for number in range(workers)]
        for child in self.children:
            child.start()
        self._keeper = asyncio.create_task(self._keep())
        for url in self.urls:
            await self._ready(url)

    def _child(self, name: str, command: str, listener: socket.socket | None = None) -> Child:
        variables = {key: value for key, value in os.environ.items() if not key.startswith("DAYBOOK_")}
        variables |= {"DATABASE_URL": self.postgres.url(), "REDIS_URL": self.valkey.url(), **SETTINGS}
        inherit = ()
        if listener:
            variables["DAYBOOK_LISTEN_FD"] = str(listener.fileno())
            inherit = (listener.fileno(),)
        return Child(
            name, [sys.executable, "-c", self._program, command], log=self.folder / f"{name}.log",
            environment={**variables, **self._given}, inherit=inherit, folder=self.folder,
        )  # fmt: skip

    async def _keep(self) -> None:
        """As a service manager does: start again what has ended, and note what nobody had ended."""
        while True:
            for child in self.children:
                if not child.alive and child.name not in self._resting:
                    if child.name in self.asked:
                        self.asked.discard(child.name)
                    else:
                        self.unasked.append(f"{child.name}: {child.ending}")
                    child.start()
            await asyncio.sleep(0.1)

    async def _ready(self, url: str) -> None:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError, OSError):
                    pass
                await asyncio.sleep(0.05)

    def kill(self, child: Child) -> None:
        """kill -9; it is started again a moment later."""
        self.asked.add(child.name)
        child.send(signal.SIGKILL)

    async def terminate(self, child: Child) -> float:
        """SIGTERM; the seconds it took to end. It is started again."""
        self._resting.add(child.name)
        before = time.monotonic()
        logged = child.log.stat().st_size
        child.send(signal.SIGTERM)
        async with asyncio.timeout(60):
            await child.wait()
        took = time.monotonic() - before
        # "SIGTERM": it came before the process was ready, and there was nothing to drain
        assert child.ending in ("exit code 0", "SIGTERM"), (child.name, child.ending, child.last_lines())
        with child.log.open("rb") as log:
            log.seek(logged)
            said = log.read().decode(errors="replace")
        # the last bound, for what no test has thought of: no stop that is known may need it
        assert "drain_cut_short" not in said, said[-2000:]
        child.start()
        self._resting.discard(child.name)
        return took

    @contextmanager
    def postgres_frozen(self) -> Iterator[None]:
        """SIGSTOP for the server and every backend: connections stay, and nothing answers."""
        pid = self.postgres.child.pid
        frozen = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        self.postgres.child.send(signal.SIGSTOP)
        for backend in frozen:
            with suppress(ProcessLookupError):
                os.kill(backend, signal.SIGSTOP)
        try:
            yield
        finally:
            for backend in frozen:
                with suppress(ProcessLookupError):
                    os.kill(backend, signal.SIGCONT)
            self.postgres.child.send(signal.SIGCONT)

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for child in self.children:
            child.send(signal.SIGKILL)
        for child in self.children:
            await child.wait()
        await self.valkey.stop(hurry=True)
        await self.postgres.stop(hurry=True)
        for listener in self._listeners:
            listener.close()

    async def settled(self, within_s: float = SETTLED_WITHIN_S) -> float:
        """Wait until nothing is unsettled; the seconds it took."""
        before = time.monotonic()
        connection = await asyncpg.connect(self.postgres.url())
        try:
            while True:
                left = await connection.fetchval("SELECT count(*) FROM event_states WHERE next_attempt_at IS NOT NULL")
                took = time.monotonic() - before
                if not left:
                    return took
                assert took < within_s, f"{left} events are still unsettled after {took:.0f} s"
                await asyncio.sleep(0.1)
        finally:
            await connection.close()

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.postgres.url())
        try:
            await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
            return [dict(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()


class Load:
    """A bounded sender: posts each delivery until it is acknowledged, and notes the event that each was told."""

    def __init__(self, urls: list[str], told: list[Told], *, senders: int = 24) -> None:
        self._urls, self._told, self._senders = urls, told, senders
        self.acknowledged: dict[str, bytes] = {}
        self.distinct = len({one.body for one in told})
        self.refused = 0

    @property
    def done(self) -> int:
        return len(self.acknowledged)

    async def run(self, within_s: float = 120) -> None:
        queue = list(reversed(self._told))
        connector = aiohttp.TCPConnector(limit=self._senders)
        async with asyncio.timeout(within_s), aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=15)
        ) as session, asyncio.TaskGroup() as group:  # fmt: skip
            for number in range(self._senders):
                group.create_task(self._send(session, queue, number))

    async def _send(self, session: aiohttp.ClientSession, queue: list[Told], number: int) -> None:
        tries = number
        while queue:
            one = queue.pop()
            while not await self._post(session, self._urls[tries % len(self._urls)], one):
                self.refused += 1
                tries += 1
                await asyncio.sleep(0.05)
            tries += 1

    async def _post(self, session: aiohttp.ClientSession, url: str, one: Told) -> bool:
        headers = adapters()[one.connection].sign(
            one.body, one.topic, SECRETS[one.connection].encode(), time.time(), {}
        )
        try:
            async with session.post(f"{url}/webhooks/{one.connection}", data=one.body, headers=headers) as answer:
                if answer.status != 200:
                    assert answer.status == 503, (answer.status, await answer.text())
                    return False
                self.acknowledged[(await answer.json())["event"]] = one.body
                return True
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def reached(self, count: int) -> None:
        """Wait until so many are acknowledged."""
        while self.done < count:  # noqa: ASYNC110  (a counter of this loop)
            await asyncio.sleep(0.005)


async def hold(rig: Rig, load: Load, shop: World) -> None:
    """Everything acknowledged is there and settled, the orders are those of an undisturbed fold, no invariant is broken."""
    stored = await rig.rows(
        "SELECT e.*, c.name AS connection, s.state, s.reason FROM events e JOIN event_states s ON s.event_id = e.id "
        "JOIN connections c ON c.id = e.connection_id ORDER BY e.id"
    )
    held = {row["id"]: row for row in stored}
    assert [event for event in load.acknowledged if event not in held] == []
    assert all(held[event]["body"] == body for event, body in load.acknowledged.items())
    assert [(row["state"], row["reason"]) for row in stored if row["state"] in ("dead", "received", "retrying")] == []
    names = NewEvent.__struct_fields__
    events = [
        NewEvent(
            **{
                **{name: row[name] for name in names if name not in ("account_id", "connection_id", "sound")},
                "account_id": shop.account_id, "connection_id": shop.connections[row["connection"]], "sound": False,
            }
        )
        for row in stored
    ]  # fmt: skip
    for start in range(0, len(events), 500):
        ids = [event.id for event in await shop.store(events[start : start + 500])]
        await shop.apply(ids)
    pool = await open_pool(rig.postgres.url(), size=2)
    try:
        disturbed = World(shop.ctx.__class__(shop.ctx.settings, pool, shop.ctx.vault, shop.ctx.lanes), "", {})
        found, wanted = await disturbed.books(), await shop.books()
        for part in wanted:
            assert found[part] == wanted[part], part
        assert len(found["orders"]) > 0
        assert await broken(pool) == {}
    finally:
        await pool.close()


@asynccontextmanager
async def rig(
    folder: Path, sockets: Path, *, receivers: int = 1, workers: int = 1, program: str = PROGRAM,
    given: Callable[[Rig], Mapping[str, str]] | None = None,
) -> AsyncIterator[Rig]:  # fmt: skip
    extra: dict[str, str] = {}
    made = Rig(folder, sockets, given=extra, program=program)
    extra.update(given(made) if given else {})
    try:
        await made.start(receivers, workers)
        yield made
    finally:
        await made.stop()
