"""An order wakes the events that waited for it, and waits for no other worker while it does (Q1, Q3)."""

from __future__ import annotations

import pytest

from tests.world import World, payload
from worker.errors import Transient
from worker.store import inbox
from worker.store.db import acquire, transaction


async def test_Q3_a_waiting_event_that_another_worker_holds_is_not_waited_for(shop: World) -> None:
    event = await shop.deliver("stripe", payload("stripe", "payment_intent_created__2020-08-27.json"))
    [row] = await shop.rows("SELECT state, dossier_id FROM event_states")
    assert row["state"] == "waiting"
    async with transaction(shop.ctx.pool) as other:
        await other.fetchval("SELECT 1 FROM event_states WHERE event_id = $1 FOR UPDATE", event)
        async with acquire(shop.ctx.pool) as connection:
            await connection.execute("SET lock_timeout = '1ms'")  # a wait would be another error
            with pytest.raises(Transient, match="another worker"):
                await inbox.wake(connection, shop.account_id, [row["dossier_id"]])
            await connection.execute("RESET lock_timeout")
    assert (await shop.states())[event][0] == "waiting"
    async with acquire(shop.ctx.pool) as connection:
        [woken] = await inbox.wake(connection, shop.account_id, [row["dossier_id"]])
    assert woken["id"] == event
    assert (await shop.states())[event] == ("applied", None)
