"""kill -9, freezes, cuts and restarts in the midst of load (I1, Q1-Q4, X5): what was acknowledged is applied once."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.chaos.cutter import cutter
from tests.chaos.rig import DRAIN_S, LEAVE_S, Load, Rig, hold, rig
from tests.chaos.sales import disordered
from tests.chaos.sales import sales as told_of
from tests.world import World

Fault = Callable[[Rig, random.Random], Awaitable[None]]


async def kill_receiver(it: Rig, chance: random.Random) -> None:
    it.kill(chance.choice(it.receivers))


async def kill_worker(it: Rig, chance: random.Random) -> None:
    it.kill(chance.choice(it.workers))


async def kill_valkey(it: Rig, chance: random.Random) -> None:
    it.valkey.child.send(signal.SIGKILL)
    await it.valkey.child.wait()
    await asyncio.sleep(chance.uniform(0, 1))
    await it.valkey.start()


async def flush_valkey(it: Rig, chance: random.Random) -> None:
    async with Redis.from_url(it.valkey.url()) as redis:
        await redis.flushall()


async def freeze_valkey(it: Rig, chance: random.Random) -> None:
    it.valkey.child.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(chance.uniform(2, 5))
    finally:
        it.valkey.child.send(signal.SIGCONT)


async def kill_postgres(it: Rig, chance: random.Random) -> None:
    it.postgres.child.send(signal.SIGKILL)
    await it.postgres.child.wait()
    await asyncio.sleep(chance.uniform(0, 1))
    await it.postgres.start()


async def restart_postgres(it: Rig, chance: random.Random) -> None:
    """The immediate shutdown: every backend ends where it stands, in a commit too."""
    it.postgres.child.send(signal.SIGQUIT)
    await it.postgres.child.wait()
    await it.postgres.start()


async def freeze_worker(it: Rig, chance: random.Random) -> None:
    worker = chance.choice(it.workers)
    worker.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(chance.uniform(2, 5))
    finally:
        worker.send(signal.SIGCONT)


async def stop_receiver(it: Rig, chance: random.Random) -> None:
    took = await it.terminate(chance.choice(it.receivers))
    assert took < DRAIN_S + LEAVE_S


async def stop_worker(it: Rig, chance: random.Random) -> None:
    took = await it.terminate(chance.choice(it.workers))
    assert took < DRAIN_S + LEAVE_S


async def under_load(it: Rig, chance: random.Random, shop: World, sales: int, faults: list[Fault]) -> None:
    """Run the faults at random moments of the load, then hold everything against the undisturbed fold."""
    deliveries = disordered(told_of(chance, sales), chance)
    load = Load(it.urls, deliveries)
    sending = asyncio.create_task(load.run())
    try:
        for moment, fault in zip(sorted(chance.uniform(0.05, 0.8) for _ in faults), faults, strict=True):
            await asyncio.wait(
                {asyncio.create_task(load.reached(int(moment * load.distinct))), sending}, return_when="FIRST_COMPLETED"
            )
            await fault(it, chance)
        await sending
    finally:
        sending.cancel()
    took = await it.settled()
    print(f"{load.done} acknowledged, {load.refused} tries refused, settled {took:.1f} s after the last answer")
    assert load.done == load.distinct
    assert it.unasked == []
    await hold(it, load, shop)
    deadlocks = await it.rows("SELECT sum(deadlocks)::int AS n FROM pg_stat_database")
    assert deadlocks == [{"n": 0}]


@pytest.mark.parametrize(
    "fault",
    [kill_receiver, kill_worker, kill_valkey, flush_valkey, freeze_valkey, kill_postgres, restart_postgres, freeze_worker,
     stop_receiver, stop_worker],
    ids=lambda fault: fault.__name__,
)  # fmt: skip
async def test_I1_what_was_acknowledged_is_applied_once_through(
    fault: Fault, tmp_path: Path, sockets: Path, shop: World, chance: random.Random, sales: int
) -> None:
    async with rig(tmp_path, sockets) as it:
        await under_load(it, chance, shop, sales, [fault, fault])


async def test_I1_Q3_everything_at_once_with_two_receivers_and_two_workers(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random, sales: int
) -> None:
    faults = [kill_receiver, kill_worker, kill_valkey, flush_valkey, restart_postgres, kill_worker]
    chance.shuffle(faults)
    async with rig(tmp_path, sockets, receivers=2, workers=2) as it:
        await under_load(it, chance, shop, sales * 2, faults)


async def test_I1_a_connection_cut_inside_an_enqueue_loses_nothing(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random, sales: int
) -> None:
    async with cutting(sockets, chance) as path:
        address = lambda it: {"REDIS_URL": it.valkey.url().replace(str(sockets / "valkey.sock"), str(path))}  # noqa: E731
        async with rig(tmp_path, sockets, given=address) as it:
            await under_load(it, chance, shop, sales, [])


@asynccontextmanager
async def cutting(sockets: Path, chance: random.Random) -> AsyncIterator[Path]:
    async with cutter(sockets / "cut.sock", sockets / "valkey.sock", lambda: chance.randrange(200, 60_000)) as path:
        yield path
