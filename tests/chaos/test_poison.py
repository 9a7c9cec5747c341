"""An event that kills its process (I1, Q4): its tries are counted, it ends dead, and its neighbours are applied."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.chaos.rig import PROGRAM, Load, rig
from tests.chaos.sales import sales as told_of
from tests.chaos.sales import stripe_sale
from tests.world import World

TRIES = 3
# Patched into the processes of this test: a reader that kills, and a death that is noticed sooner than after 15 s.
KILLS = """
import os, signal, datetime
import worker.apply.batch as batch, worker.upkeep.sweep as sweep
read = batch.read_all
def read_all(rows, fetched):
    if any(b"evt_poison" in row["body"] for row in rows):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(rows, fetched)
batch.read_all = read_all
sweep.DEAD_WORKER_AFTER = datetime.timedelta(seconds=5)
"""


async def test_I1_an_event_that_kills_its_worker_ends_dead_and_its_neighbours_are_applied(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random
) -> None:
    poison = stripe_sale("poison", 4200, random.Random(1))[0]
    told = told_of(chance, 12)
    told.insert(len(told) // 2, poison)
    given = {"DAYBOOK_MAX_ATTEMPTS": str(TRIES)}
    async with rig(tmp_path, sockets, workers=2, program=KILLS + PROGRAM, given=lambda _: given) as it:
        load = Load(it.urls, told)
        await load.run()
        took = await it.settled()
        deaths = len(it.unasked)
        print(f"{deaths} deaths, settled after {took:.1f} s")
        states = await it.rows(
            "SELECT s.state, s.reason, s.attempts, s.lane, position('evt_poison'::bytea IN e.body) > 0 AS poison "
            "FROM event_states s JOIN events e ON e.id = s.event_id"
        )
        [dead] = [row for row in states if row["poison"]]
        assert (dead["state"], dead["attempts"]) == ("dead", TRIES)
        assert dead["reason"] == "the worker died while applying it"
        assert {row["state"] for row in states if not row["poison"]} == {"applied"}
        assert len(states) == len(told)
        # No loop: each death is a counted try, and no other process ends. An event that is signalled twice may take a
        # second worker with it before the first death is seen.
        assert TRIES <= deaths <= 2 * TRIES
        assert all(ending.startswith("work") and ending.endswith("SIGKILL") for ending in it.unasked)
        await asyncio.sleep(3)
        assert len(it.unasked) == deaths
