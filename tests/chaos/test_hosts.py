"""Receivers and workers on several hosts, one of which is cut off in the midst of load (X6, I1, Q3)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.chaos.hosts import hosts
from tests.chaos.rig import Load, hold
from tests.chaos.sales import disordered
from tests.chaos.sales import sales as told_of
from tests.world import World

CUT_OFF_SETTLED_S = 60.0
"""Within this everything is applied although a worker has vanished with locks in its hands: PostgreSQL ends its session
after 15 s in a transaction, and the sweep takes up its batches."""


async def test_X6_a_host_that_is_cut_off_in_mid_run_holds_nothing_up_and_comes_back(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random, sales: int
) -> None:
    deliveries = disordered(told_of(chance, sales), chance)
    distinct = len({one.body for one in deliveries})
    async with hosts(tmp_path, sockets, receivers=2, workers=2) as it:
        load = Load(it.urls, deliveries)
        sending = asyncio.create_task(load.run())
        lost = it.host_of["work-0"]
        try:
            reached = asyncio.create_task(load.reached(distinct // 4))
            await asyncio.wait({reached, sending}, return_when="FIRST_COMPLETED")
            it.network.cut(lost)
            await sending
        finally:
            sending.cancel()
        took = await it.settled(CUT_OFF_SETTLED_S)
        print(f"{load.done} acknowledged, settled {took:.1f} s after the last answer, the host still cut off")
        it.network.mend(lost)
        await hold(it, load, shop)
        assert load.done == distinct
        assert it.unasked == []
        deadlocks = await it.rows("SELECT sum(deadlocks)::int AS n FROM pg_stat_database")
        assert deadlocks == [{"n": 0}]
