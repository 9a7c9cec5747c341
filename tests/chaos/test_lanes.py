"""A paused lane stays paused whatever dies (D2, I1), and resuming applies all that it held, once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import aiohttp
from redis.asyncio import Redis

from tests.chaos.rig import Load, hold, rig
from tests.chaos.sales import sales as told_of
from tests.integration.ops import eventually
from tests.world import World, edited, payload
from worker.store import tokens
from worker.store.db import open_pool

ORDERS = 30


async def test_D2_a_paused_lane_survives_kill_9_and_an_emptied_valkey_and_resumes_without_loss(
    tmp_path: Path, sockets: Path, shop: World, chance: random.Random
) -> None:
    body = payload("shopify", "orders_create__minimal.json")
    told = told_of(chance, 10)
    sample = next(one for one in told if one.connection == "stripe")
    orders = [
        replace(sample, connection="shopify", topic="orders/create", body=edited(body, id=number))
        for number in range(1, ORDERS + 1)
    ]
    payments = [one for one in told if one.connection == "stripe"]
    async with rig(tmp_path, sockets, workers=2) as it, aiohttp.ClientSession() as session:
        pool = await open_pool(it.postgres.url(), size=2)

        async def held() -> int:
            found: int = await pool.fetchval(
                "SELECT count(*) FROM event_states WHERE state = 'received' AND reason = 'lane_paused' AND lane = 'orders'"
            )
            return found

        async def all_held() -> None:
            assert await held() == ORDERS

        async def payments_flow() -> None:
            sql = "SELECT count(*) FROM event_states WHERE lane <> 'orders' AND next_attempt_at IS NOT NULL"
            assert await pool.fetchval(sql) == 0

        try:
            account_id = await pool.fetchval("SELECT id FROM accounts")
            headers = {"Authorization": f"Bearer {await tokens.issue(pool, account_id, 'ops', 'admin')}"}
            lane = f"{it.urls[0]}/api/v1/lanes/orders"
            async with session.post(f"{lane}/pause", headers=headers) as answer:
                assert answer.status == 200
            load = Load(it.urls, [*payments, *orders])
            await load.run()
            await eventually(all_held)
            for worker in it.workers:
                it.kill(worker)
            async with Redis.from_url(it.valkey.url()) as valkey:
                await valkey.flushall()
            await eventually(payments_flow)
            assert await held() == ORDERS, "still paused after kill -9 and FLUSHALL"
            async with session.post(f"{lane}/resume", headers=headers) as answer:
                assert answer.status == 200
            took = await it.settled()
            print(f"{ORDERS} held, settled {took:.1f} s after they were let go")
            await hold(it, load, shop)
        finally:
            await pool.close()
