"""kill -9 of workers that send (H5, I1): every event of the feed arrives, under one id and in the order of its order."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.chaos.rig import PROGRAM, Load, Rig, rig
from tests.chaos.sales import sales as told_of
from tests.feed import receiver
from tests.integration.ops import eventually
from tests.world import World
from worker.actions import subscribers
from worker.store.checks import broken
from worker.store.db import open_pool

KILLS_AFTER = (10, 30, 60)
"""Messages after which both workers are killed."""
# Patched into the processes of this test: what a dead worker held is taken up sooner than after a minute.
SOON = """
import datetime
import worker.feed.send as send
send.LEASE = datetime.timedelta(seconds=4)
"""


async def test_I1_workers_that_are_killed_while_they_send_lose_no_event_of_the_feed(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random
) -> None:
    async with receiver() as hook, rig(tmp_path, sockets, workers=2, program=SOON + PROGRAM) as it:
        pool = await open_pool(it.postgres.url(), size=2)
        try:
            await pool.execute("UPDATE accounts SET private_targets = true")
            account_id = await pool.fetchval("SELECT id FROM accounts")
            ctx = replace(shop.ctx, pool=pool)
            _, secret = await subscribers.create(ctx, account_id, url=hook.url, description=None, types=None)
            hook.secrets.append(secret)

            async def answer(_message: dict[str, Any]) -> web.Response:
                if waiting_for and len(hook.ids) >= waiting_for[0]:
                    waiting_for.pop(0)
                    for worker in it.workers:  # one of them has posted this, and will not note the answer
                        if worker.alive:
                            it.kill(worker)
                return web.Response()

            waiting_for = list(KILLS_AFTER)
            hook.answer = answer
            await Load(it.urls, told_of(chance, 40)).run()
            await it.settled()
            await eventually(lambda: _all_sent(it), within_s=60)
            assert waiting_for == []
            told = await it.rows("SELECT id, subject_id, sequence, body FROM feed_events")
            assert {row["id"] for row in told} == set(hook.ids)
            bodies = {row["id"]: row["body"].encode() for row in told}
            assert all(bodies[id_] == body for id_, body in zip(hook.ids, hook.bodies, strict=True))
            _in_order(hook.ids, {row["id"]: (row["subject_id"], row["sequence"]) for row in told})
            assert await broken(pool) == {}
            assert it.unasked == []
            twice = len(hook.ids) - len(told)
            assert twice >= len(KILLS_AFTER), "what a dead worker had posted comes again"
            print(f"{len(told)} events, {twice} came again")
        finally:
            await pool.close()


async def _all_sent(it: Rig) -> None:
    [left] = await it.rows("SELECT count(*) AS n FROM feed_deliveries WHERE state <> 'delivered'")
    assert left["n"] == 0


def _in_order(ids: list[str], named: dict[str, tuple[str, int]]) -> None:
    """The first arrival of each event is in the order of its subject."""
    seen: dict[str, list[int]] = {}
    for id_ in dict.fromkeys(ids):
        subject, sequence = named[id_]
        seen.setdefault(subject, []).append(sequence)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())
