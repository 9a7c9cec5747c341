"""SIGTERM under load (X5): nothing acknowledged is lost, and the process ends by itself, whoever does not answer.

`Rig.terminate` requires that no process needed the last bound (`drain_cut_short`).
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.rig import DRAIN_S, LEAVE_S, Load, Rig, hold, rig
from tests.chaos.sales import disordered
from tests.chaos.sales import sales as told_of
from tests.world import World
from worker.local.process import Child

Away = Callable[[Rig], AbstractAsyncContextManager[None]]
PROMPT_S = 4.0
"""Far below the drain time: what has ended its work does not wait for a Valkey that answers nobody."""


@asynccontextmanager
async def nobody(_it: Rig) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def valkey_frozen(it: Rig) -> AsyncIterator[None]:
    it.valkey.child.send(signal.SIGSTOP)
    try:
        yield
    finally:
        it.valkey.child.send(signal.SIGCONT)


@asynccontextmanager
async def valkey_dead(it: Rig) -> AsyncIterator[None]:
    it.valkey.child.send(signal.SIGKILL)
    await it.valkey.child.wait()
    try:
        yield
    finally:
        await it.valkey.start()


@asynccontextmanager
async def postgres_frozen(it: Rig) -> AsyncIterator[None]:
    with it.postgres_frozen():
        yield


@asynccontextmanager
async def postgres_dead(it: Rig) -> AsyncIterator[None]:
    it.postgres.child.send(signal.SIGKILL)
    await it.postgres.child.wait()
    try:
        yield
    finally:
        await it.postgres.start()


@pytest.mark.parametrize(
    ("away", "bound_s"),
    [(nobody, DRAIN_S + LEAVE_S), (valkey_frozen, PROMPT_S), (valkey_dead, PROMPT_S), (postgres_frozen, DRAIN_S + LEAVE_S),
     (postgres_dead, DRAIN_S + LEAVE_S)],
    ids=lambda given: getattr(given, "__name__", ""),
)  # fmt: skip
async def test_X5_sigterm_under_load_ends_in_time_and_loses_nothing_with(
    away: Away, bound_s: float, tmp_path: Path, sockets: Path, shop: World, chance: random.Random, sales: int
) -> None:
    deliveries = disordered(told_of(chance, sales), chance)
    async with rig(tmp_path, sockets, receivers=2, workers=2) as it:
        load = Load(it.urls, deliveries)
        sending = asyncio.create_task(load.run())
        try:
            await load.reached(load.distinct // 5)
            await asyncio.gather(*(said(child, "ready") for child in it.children))
            async with away(it):
                leaving = (it.workers[0], it.receivers[0])
                took = await asyncio.gather(*(it.terminate(child) for child in leaving))
            await sending
        finally:
            sending.cancel()
        settled = await it.settled()
        print(f"ended after {took} s; {load.done} acknowledged, settled {settled:.1f} s after the last answer")
        assert max(took) < bound_s
        assert load.done == load.distinct
        assert it.unasked == []
        await hold(it, load, shop)


async def said(child: Child, word: str) -> None:
    """Wait until the process has logged the word."""
    async with asyncio.timeout(30):
        while word not in child.log.read_text(errors="replace"):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.02)
