"""The told sales themselves: a load that is one sale in truth would prove little."""

from __future__ import annotations

import random

from tests.chaos.sales import sales
from tests.world import World


async def test_every_sale_that_is_told_is_an_order_of_its_own(shop: World) -> None:
    told = sales(random.Random(1), 40)
    stored = await shop.store([shop.event(one.connection, one.body, one.topic) for one in told])
    await shop.apply([event.id for event in stored])
    assert await shop.rows("SELECT count(*)::int AS n FROM orders") == [{"n": 40}]
    assert {row["state"] for row in await shop.rows("SELECT DISTINCT state FROM event_states")} == {"applied"}
