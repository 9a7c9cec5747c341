"""The order registry off (O13): events are kept, nothing is made of them, and once it is on they are applied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.world import SilentLanes, World, edited, payload
from worker.actions import accounts
from worker.cli.work_findings import work_findings
from worker.store import backlog, checks, health, inbox, replays
from worker.store.db import acquire
from worker.upkeep import sweep


@pytest.fixture
async def off(shop: World) -> AsyncIterator[World]:
    """An account whose registry is off."""
    await switch(shop, on=False)
    return shop


async def switch(shop: World, *, on: bool) -> None:
    await accounts.change(shop.ctx.pool, shop.account_id, {"registry_enabled": on})


async def orders(shop: World) -> int:
    [row] = await shop.rows("SELECT count(*) FROM orders")
    return int(row["count"])


async def many(shop: World, count: int) -> list[str]:
    """Events of as many orders, oldest first as far as ids tell (those of one millisecond are in no order)."""
    body = payload("shopify", "orders_create__minimal.json")
    events = [shop.event("shopify", edited(body, id=number), "orders/create") for number in range(1, count + 1)]
    return sorted(one.id for one in await shop.store(events))


def lanes(shop: World) -> SilentLanes:
    assert isinstance(shop.ctx.lanes, SilentLanes)
    return shop.ctx.lanes


async def test_O13_events_wait_while_the_registry_is_off(off: World) -> None:
    event = await off.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    assert await off.states() == {event: ("waiting", "registry_off")}
    assert await orders(off) == 0
    assert await sweep.tick(off.ctx) == 0
    assert lanes(off).signalled == []


async def test_O13_enabling_applies_what_was_kept_oldest_first(off: World) -> None:
    events = await many(off, 30)
    await off.apply(events)
    await switch(off, on=True)
    await sweep.tick(off.ctx)
    assert lanes(off).signalled == events
    rows = await off.rows("SELECT DISTINCT state, lane, attempts FROM event_states")
    assert rows == [{"state": "received", "lane": "bulk", "attempts": 0}]
    await off.apply(events)
    assert await orders(off) == 30
    assert {state for state, _ in (await off.states()).values()} == {"applied"}
    assert await checks.broken(off.ctx.pool) == {}


async def test_O13_a_flood_is_let_go_in_parts_that_leave_room_for_what_is_new(
    off: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "KEPT_LIMIT", 10)
    events = await many(off, 25)
    await off.apply(events)
    await switch(off, on=True)
    for part in (events[:10], events[10:20], events[20:]):
        lanes(off).signalled.clear()
        await sweep.tick(off.ctx)
        assert lanes(off).signalled == part
        lanes(off).signalled.clear()
        await sweep.tick(off.ctx)
        assert lanes(off).signalled == [], "no more before these are applied"
        await off.apply(part)
    assert await orders(off) == 25


async def test_O13_an_event_that_a_worker_sets_aside_just_after_the_switch_is_let_go_too(off: World) -> None:
    [event] = await many(off, 1)
    await switch(off, on=True)
    async with acquire(off.ctx.pool) as connection:
        await inbox.settle(connection, off.account_id, [inbox.Outcome(event, "waiting", inbox.REGISTRY_OFF)])
    await sweep.tick(off.ctx)
    assert lanes(off).signalled == [event]


async def test_O13_what_is_kept_raises_no_alarm_nor_does_its_age_once_it_is_let_go(off: World) -> None:
    events = await many(off, 3)  # received years before the database's now, or after
    await off.ctx.pool.execute("UPDATE events SET received_at = now() - interval '3 days'")
    await off.apply(events)
    for on in (False, True):
        await switch(off, on=on)
        await sweep.tick(off.ctx)
        async with acquire(off.ctx.pool) as connection:
            found = await health.read(connection, fresh=timedelta(seconds=15), late=timedelta(seconds=30))
            left = await backlog.read(connection, timedelta(seconds=15))
        assert (found.overdue, found.dead) == (0, 0)
        assert "No event is overdue" in [finding.what for finding in work_findings(found)]
        assert (left.oldest_s, left.dead) == (0, 0)


async def test_O13_an_event_that_was_applied_before_waits_beside_its_order_when_it_is_replayed(shop: World) -> None:
    event = await shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    await switch(shop, on=False)
    await replays.rearm_one(shop.ctx.pool, shop.account_id, event)
    await shop.apply([event])
    assert await shop.states() == {event: ("waiting", "registry_off")}
    assert await checks.broken(shop.ctx.pool) == {}
    await switch(shop, on=True)
    await sweep.tick(shop.ctx)
    await shop.apply([event])
    assert await shop.states() == {event: ("applied", None)}
    assert await orders(shop) == 1


async def test_O13_the_switch_of_one_account_leaves_the_others_alone(off: World) -> None:
    other = World(off.ctx, off.account_id, off.connections)
    [event] = await many(other, 1)
    await off.apply([event])
    await off.ctx.pool.execute(
        "INSERT INTO accounts (id, name, registry_enabled) VALUES (gen_random_uuid(), 'on', true)"
    )
    await sweep.tick(off.ctx)
    assert (await off.states())[event] == ("waiting", "registry_off")
