"""arq's and redis-py's defaults that lose work, and ours at work (I1, Q6, Q7). `docs/faults.md` lists them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from schemas.provider import Lane
from tests.integration.test_lanes import Taken, running, sockets
from worker.lanes import SLOTS, Lanes, Runner, queue_name
from worker.local.valkey import Valkey

__all__ = ["sockets"]


@pytest.fixture
async def lanes(redis_url: str) -> AsyncIterator[Lanes]:
    """Not started: each test says when what is noted is sent."""
    made = Lanes(redis_url)
    yield made
    await made.close()


async def _ring(lanes: Lanes, event: str) -> str:
    """Signal one event now; the id of its job."""
    async with Redis.from_url(lanes._url) as redis:
        before = set(await redis.zrange(queue_name(Lane.ORDERS), 0, -1))
        lanes.signal("orders", "a", [event])
        await lanes.flush()
        [job] = set(await redis.zrange(queue_name(Lane.ORDERS), 0, -1)) - before
    return str(job.decode())


async def test_I1_an_enqueue_that_returns_nothing_is_a_lost_signal_not_a_queued_one(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(*_arguments: object, **_more: object) -> None:
        return None

    monkeypatch.setattr(lanes._redis, "enqueue_job", cut)
    lanes.signal("orders", "a", ["e1", "e2"])
    await lanes.flush()
    assert lanes.lost == 2


async def test_I1_arqs_mark_of_a_killed_workers_job_does_not_delay_the_next_signal(
    lanes: Lanes, redis_url: str
) -> None:
    job = await _ring(lanes, "e1")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"arq:in-progress:{job}", b"1", px=130_000)  # its worker was killed in the midst of it
    taken = Taken()
    async with running(redis_url, taken):
        await _ring(lanes, "e1")
        await taken.has(1)


async def test_I1_an_event_signalled_while_its_job_runs_is_run_again(lanes: Lanes, redis_url: str) -> None:
    taken = Taken()
    taken.gate.clear()
    async with running(redis_url, taken):
        await _ring(lanes, "e1")
        await taken.begun.wait()
        await _ring(lanes, "e1")
        taken.gate.set()
        await taken.has(2)
    assert taken.ids == ["e1", "e1"]


async def test_I1_a_job_that_was_begun_many_times_is_still_run(lanes: Lanes, redis_url: str) -> None:
    job = await _ring(lanes, "e1")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"arq:retry:{job}", 50)  # fifty restarts; arq drops a job at the sixth
    taken = Taken()
    async with running(redis_url, taken):
        await taken.has(1)


async def test_Q6_an_idle_lane_takes_up_a_signal_at_once(lanes: Lanes, redis_url: str) -> None:
    taken, best = Taken(), 1.0
    async with running(redis_url, taken):
        for number in range(10):
            await asyncio.sleep(0.03)
            before = time.monotonic()
            taken.begun.clear()
            lanes.signal("orders", "a", [str(number)])
            await lanes.flush()
            await asyncio.wait_for(taken.begun.wait(), 10)
            best = min(best, time.monotonic() - before)
            await taken.has(number + 1)
    assert best < 0.1  # a mean of 250 ms with arq's own pause


async def test_Q6_a_worker_whose_neighbour_holds_all_its_slots_is_not_starved(lanes: Lanes, redis_url: str) -> None:
    held, free = Taken(), Taken()
    held.gate.clear()
    async with running(redis_url, held):
        for number in range(SLOTS[Lane.ORDERS]):
            await _ring(lanes, f"held-{number}")
        await held.begun.wait()
        async with running(redis_url, free) as runner:
            for number in range(20):
                await _ring(lanes, f"free-{number}")
            await free.has(20 - SLOTS[Lane.ORDERS])
            assert all(runner._workers[lane].queue_read_limit >= 20 * SLOTS[lane] for lane in Lane)


async def test_each_workers_health_is_its_own(redis_url: str) -> None:
    async def nothing(_account: str, _ids: Sequence[str]) -> None:
        return

    runners = [Runner(redis_url, nothing, name=name, drain_s=1) for name in ("one", "two")]
    tasks = [asyncio.create_task(runner.run()) for runner in runners]
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(20):
        while len(await redis.keys("daybook:health:*")) < 2 * len(Lane):  # noqa: ASYNC110  (another program)
            await asyncio.sleep(0.02)
        await runners[0].stop()
        assert len(await redis.keys("daybook:health:two:*")) == len(Lane)
        assert await redis.keys("daybook:health:one:*") == []
        await runners[1].stop()
    await asyncio.gather(*tasks)


async def test_no_money_hangs_on_arqs_cron_or_results(redis_url: str) -> None:
    taken = Taken()
    async with running(redis_url, taken) as runner:
        await asyncio.sleep(0)
        for worker in runner._workers.values():
            assert worker.cron_jobs == []
            assert worker.keep_result_s == 0
            assert not worker.allow_abort_jobs


async def test_X5_a_stop_beside_a_frozen_valkey_ends_work_and_waits_for_no_notes(sockets: Path, tmp_path: Path) -> None:
    server = Valkey(tmp_path / "frozen", sockets=sockets, password="test-only", log=tmp_path / "valkey.log")
    await server.start()
    taken, lanes = Taken(), Lanes(server.url())
    taken.gate.clear()
    runner = Runner(server.url(), taken.apply, name="test", drain_s=30)
    task = asyncio.create_task(runner.run())
    try:
        lanes.signal("orders", "a", ["e1"])
        await lanes.flush()
        await taken.begun.wait()
        server.child.send(signal.SIGSTOP)
        before = time.monotonic()
        stopping = asyncio.create_task(runner.stop())
        taken.gate.set()
        await stopping
        assert taken.ids == ["e1"]
        lanes.signal("orders", "a", ["e2"])
        await lanes.close()
        assert time.monotonic() - before < 10  # a third of the drain time; about a second when the machine is idle
    finally:
        server.child.send(signal.SIGCONT)
        left = asyncio.all_tasks() - {asyncio.current_task(), task}
        if left:  # what the end of a process would have cut off
            await asyncio.wait(left, timeout=30)
        for worker in runner._workers.values():
            if worker._pool:
                await worker._pool.connection_pool.disconnect()
        await server.stop(hurry=True)
    await asyncio.wait({task}, timeout=10)  # ended, or cut short with its lane
    assert task.done()


async def test_I1_a_frozen_valkey_ends_no_lane_and_holds_no_signal_for_ever(sockets: Path, tmp_path: Path) -> None:
    server = Valkey(tmp_path / "frozen", sockets=sockets, password="test-only", log=tmp_path / "valkey.log")
    await server.start()
    taken, lanes = Taken(), Lanes(server.url())
    try:
        async with running(server.url(), taken):
            lanes.signal("orders", "a", ["before"])
            await lanes.flush()
            await taken.has(1)
            server.child.send(signal.SIGSTOP)
            try:
                lanes.signal("orders", "a", ["lost"])
                await asyncio.wait_for(lanes.flush(), 15)
            finally:
                server.child.send(signal.SIGCONT)
            assert lanes.lost == 1
            lanes.signal("orders", "a", ["after"])
            await lanes.flush()
            async with asyncio.timeout(30):
                while "after" not in taken.ids:  # noqa: ASYNC110  (arq polls)
                    await asyncio.sleep(0.02)
    finally:
        await lanes.close()
        await server.stop(hurry=True)
