"""arq as a doorbell (Q6, Q7, X5): real Valkey, real worker loops, in this process."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from arq.worker import Worker
from redis.asyncio import Redis
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from schemas.provider import Lane
from worker.lanes import IDS_A_JOB, PENDING_LIMIT, Lanes, Runner, put_away, queue_name
from worker.local.valkey import Valkey


class Taken:
    """Stands where the applier stands: notes what it is given, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def apply(self, account_id: str, event_ids: Sequence[str]) -> None:
        self.begun.set()
        await self.gate.wait()
        self.batches.append((account_id, list(event_ids)))

    @property
    def ids(self) -> list[str]:
        return [event_id for _, ids in self.batches for event_id in ids]

    async def has(self, count: int, within_s: float = 10) -> None:
        async for attempt in AsyncRetrying(stop=stop_after_delay(within_s), wait=wait_fixed(0.01), reraise=True):
            with attempt:
                assert len(self.ids) >= count


@asynccontextmanager
async def running(url: str, taken: Taken, drain_s: float = 5) -> AsyncIterator[Runner]:
    runner = Runner(url, taken.apply, name="test", drain_s=drain_s)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        taken.gate.set()
        await runner.stop()
        await asyncio.wait_for(task, 10)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a short path for the socket of a server of this test's own."""
    with tempfile.TemporaryDirectory(prefix="daybook-") as folder:
        yield Path(folder)


@pytest.fixture
async def lanes(redis_url: str) -> AsyncIterator[Lanes]:
    made = Lanes(redis_url)
    made.start()
    yield made
    await made.close()


async def test_what_is_signalled_reaches_the_applier_in_few_jobs(lanes: Lanes, redis_url: str) -> None:
    taken = Taken()
    lanes.signal("payments", "a", [f"e{n}" for n in range(1000)])
    async with running(redis_url, taken):
        await taken.has(1000)
    assert sorted(taken.ids) == sorted(f"e{n}" for n in range(1000))
    assert len(taken.batches) == 1000 // IDS_A_JOB


async def test_Q7_a_job_holds_ids_and_is_json(lanes: Lanes, redis_url: str) -> None:
    lanes.signal("orders", "account-1", ["event-1"])
    await lanes.flush()
    async with Redis.from_url(redis_url) as redis:
        [job_id] = await redis.zrange(queue_name(Lane.ORDERS), 0, -1)
        content = json.loads(await redis.get(b"arq:job:" + job_id))
    assert content["f"] == "apply"
    assert content["a"] == ["account-1", ["event-1"], False]
    assert set(content) == {"t", "f", "a", "k", "et"}


async def test_accounts_never_share_a_job(lanes: Lanes, redis_url: str) -> None:
    taken = Taken()
    for account in ("a", "b"):
        lanes.signal("orders", account, ["e1", "e2"])
    async with running(redis_url, taken):
        await taken.has(4)
    assert sorted(taken.batches) == [("a", ["e1", "e2"]), ("b", ["e1", "e2"])]


async def test_an_event_that_failed_before_gets_a_job_of_its_own(lanes: Lanes, redis_url: str) -> None:
    taken = Taken()
    lanes.signal("orders", "a", ["fresh-1", "fresh-2"])
    for event in ("tried-1", "tried-2"):
        lanes.signal("orders", "a", [event], alone=True)
    async with running(redis_url, taken):
        await taken.has(4)
    assert sorted(ids for _, ids in taken.batches) == [["fresh-1", "fresh-2"], ["tried-1"], ["tried-2"]]


async def test_Q6_a_flood_in_one_lane_does_not_delay_another(lanes: Lanes, redis_url: str) -> None:
    held, taken = Taken(), Taken()
    held.gate.clear()

    async def apply(account_id: str, event_ids: Sequence[str]) -> None:
        await (held if event_ids[0].startswith("bulk") else taken).apply(account_id, event_ids)

    runner = Runner(redis_url, apply, name="test", drain_s=5)
    task = asyncio.create_task(runner.run())
    lanes.signal("bulk", "a", [f"bulk-{n}" for n in range(5000)])
    lanes.signal("orders", "a", ["order-1"])
    await held.begun.wait()
    lanes.signal("payments", "a", ["payment-1"])
    await taken.has(2)
    assert held.ids == []
    held.gate.set()
    await runner.stop()
    await asyncio.wait_for(task, 10)


async def test_a_job_that_fails_neither_ends_the_worker_nor_stays_in_valkey(lanes: Lanes, redis_url: str) -> None:
    seen: list[str] = []

    async def apply(_account: str, event_ids: Sequence[str]) -> None:
        seen.extend(event_ids)
        if event_ids == ["bad"]:
            raise ValueError("boom")

    runner = Runner(redis_url, apply, name="test", drain_s=5)
    task = asyncio.create_task(runner.run())
    for event in ("bad", "good"):
        lanes.signal("orders", "a", [event])
        await lanes.flush()
    async for attempt in AsyncRetrying(stop=stop_after_delay(10), wait=wait_fixed(0.01), reraise=True):
        with attempt:
            assert sorted(seen) == ["bad", "good"]
    await runner.stop()
    await asyncio.wait_for(task, 10)
    async with Redis.from_url(redis_url) as redis:
        left = {key for key in await redis.keys("*") if b"health" not in key}
    assert left == set()


async def test_X5_stopping_lets_the_running_job_end_and_leaves_the_rest_in_the_lane(
    lanes: Lanes, redis_url: str
) -> None:
    taken = Taken()
    taken.gate.clear()
    runner = Runner(redis_url, taken.apply, name="test", drain_s=5)
    task = asyncio.create_task(runner.run())
    lanes.signal("bulk", "a", ["first"])
    await taken.begun.wait()
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0)
    lanes.signal("bulk", "a", ["second"])
    await lanes.flush()
    taken.gate.set()
    await stopping
    await asyncio.wait_for(task, 10)
    assert taken.ids == ["first"]
    assert (await lanes.depth())["bulk"] == 1


async def test_the_worker_and_the_signaller_outlive_a_valkey_that_dies_and_comes_back(
    sockets: Path, tmp_path: Path
) -> None:
    server = Valkey(tmp_path / "dying", sockets=sockets, password="test-only", log=tmp_path / "valkey.log")
    await server.start()
    taken, lanes = Taken(), Lanes(server.url())
    lanes.start()
    try:
        async with running(server.url(), taken):
            lanes.signal("orders", "a", ["before"])
            await taken.has(1)
            await server.stop(hurry=True)
            lanes.signal("orders", "a", ["lost"])
            await lanes.flush()
            assert await lanes.ping() is False
            await server.start()
            async for attempt in AsyncRetrying(stop=stop_after_delay(20), wait=wait_fixed(0.2), reraise=True):
                with attempt:
                    lanes.signal("orders", "a", ["after"])
                    await lanes.flush()
                    await asyncio.sleep(0.2)
                    assert "after" in taken.ids
    finally:
        await lanes.close()
        await server.stop(hurry=True)
    assert "before" in taken.ids
    assert "after" in taken.ids


async def test_a_lane_goes_on_after_a_valkey_that_died_while_its_jobs_were_running(
    sockets: Path, tmp_path: Path
) -> None:
    server = Valkey(tmp_path / "dying", sockets=sockets, password="test-only", log=tmp_path / "valkey.log")
    await server.start()
    taken, lanes = Taken(), Lanes(server.url())
    lanes.start()
    try:
        async with running(server.url(), taken) as runner:
            taken.gate.clear()
            lanes.signal("orders", "a", ["cut"])
            await taken.begun.wait()
            interrupted = runner.polling(Lane.ORDERS)
            await server.stop(hurry=True)
            await asyncio.wait({interrupted}, timeout=20)  # arq ends, and cuts its running jobs
            taken.gate.set()
            await server.start()
            async for attempt in AsyncRetrying(stop=stop_after_delay(20), wait=wait_fixed(0.2), reraise=True):
                with attempt:
                    lanes.signal("orders", "a", ["after"])
                    await lanes.flush()
                    assert "after" in taken.ids
    finally:
        await lanes.close()
        await server.stop(hurry=True)


async def test_jobs_that_arqs_own_end_cut_short_do_not_end_their_lane() -> None:
    class Cut:
        disconnected = False

        async def close(self) -> None:
            raise asyncio.CancelledError  # what gathering its cancelled jobs raises

        @property
        def pool(self) -> Any:
            return SimpleNamespace(connection_pool=self)

        async def disconnect(self) -> None:
            self.disconnected = True

    worker = Cut()
    await put_away(cast("Worker", worker))
    assert worker.disconnected


async def test_signals_kept_while_valkey_is_away_are_bounded(redis_url: str) -> None:
    lanes = Lanes(redis_url)
    lanes.signal("orders", "a", [str(n) for n in range(PENDING_LIMIT + 10)])
    assert lanes.lost == 10
    await lanes.close()
