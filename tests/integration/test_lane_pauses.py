"""A lane that somebody has paused (D2, Q6): its events wait, those of others flow, and resuming applies what waited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.account import Actor, Role
from schemas.provider import Lane
from tests.world import SilentLanes, World, edited, payload
from worker.actions import lanes as actions
from worker.cli.checkup import postgres_findings
from worker.config import Settings
from worker.ids import new_id
from worker.store import backlog, checks, health, inbox, lanes, replays
from worker.store.db import acquire, transaction
from worker.upkeep import sweep

BODY = payload("shopify", "orders_create__minimal.json")
PAID = payload("stripe", "checkout_session_completed__2020-08-27.json")


def actor(shop: World) -> Actor:
    return Actor(shop.account_id, new_id(), "Ana", Role.ADMIN, frozenset())


async def pause(shop: World, lane: Lane = Lane.ORDERS) -> None:
    await actions.pause(shop.ctx, actor(shop), lane)


async def resume(shop: World, lane: Lane = Lane.ORDERS) -> None:
    await actions.resume(shop.ctx, actor(shop), lane)


async def many(shop: World, count: int) -> list[str]:
    """Events of as many orders, in the order of their ids."""
    events = [shop.event("shopify", edited(BODY, id=number), "orders/create") for number in range(1, count + 1)]
    return sorted(one.id for one in await shop.store(events))


def signalled(shop: World) -> list[str]:
    assert isinstance(shop.ctx.lanes, SilentLanes)
    found = list(shop.ctx.lanes.signalled)
    shop.ctx.lanes.signalled.clear()
    return found


async def orders(shop: World) -> int:
    [row] = await shop.rows("SELECT count(*) FROM orders")
    return int(row["count"])


async def test_D2_events_of_a_paused_lane_wait_while_others_flow(shop: World) -> None:
    await pause(shop)
    kept = await shop.deliver("shopify", BODY, "orders/create")
    paid = await shop.deliver("stripe", PAID)
    assert await shop.states() == {kept: ("received", "lane_paused"), paid: ("applied", None)}
    assert await sweep.tick(shop.ctx) == 0
    assert signalled(shop) == []
    [row] = await shop.rows("SELECT attempts, lane FROM event_states WHERE event_id = $1", kept)
    assert row == {"attempts": 0, "lane": "orders"}, "waiting is no try"


async def test_D2_resuming_signals_at_once_and_applies_the_oldest_first(shop: World) -> None:
    await pause(shop)
    events = await many(shop, 30)
    await shop.apply(events)
    await resume(shop)
    assert signalled(shop) == events
    await shop.apply(events)
    assert await orders(shop) == 30
    assert set((await shop.states()).values()) == {("applied", None)}
    assert await checks.broken(shop.ctx.pool) == {}


async def test_D2_a_flood_is_let_go_in_parts_as_it_is_worked_off(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "KEPT_LIMIT", 10)
    await pause(shop)
    events = await many(shop, 25)
    await shop.apply(events)
    await resume(shop)
    assert signalled(shop) == events[:10]
    await sweep.tick(shop.ctx)
    assert signalled(shop) == [], "no more before these are applied"
    await shop.apply(events[:10])
    for part in (events[10:20], events[20:]):
        await sweep.tick(shop.ctx)
        assert signalled(shop) == part
        await shop.apply(part)
    assert await orders(shop) == 25


async def test_D2_an_event_that_a_worker_holds_just_after_the_lane_was_resumed_is_let_go_too(shop: World) -> None:
    [event] = await many(shop, 1)
    async with transaction(shop.ctx.pool) as connection:
        await inbox.load(connection, shop.account_id, [event])
        await inbox.hold(connection, shop.account_id, [event])
    await sweep.tick(shop.ctx)
    assert signalled(shop) == [event]
    assert await shop.states() == {event: ("received", None)}


async def test_D2_a_lost_signal_costs_a_held_event_nothing(shop: World) -> None:
    """FLUSHALL: what was signalled on resuming is lost, and the sweep finds it."""
    await pause(shop)
    [event] = await many(shop, 1)
    await shop.apply([event])
    await resume(shop)
    signalled(shop)
    await shop.ctx.pool.execute("UPDATE event_states SET next_attempt_at = now()")  # half a minute later
    await sweep.tick(shop.ctx)
    assert signalled(shop) == [event]


async def test_D2_an_event_that_was_being_retried_keeps_its_tries_and_its_reason(shop: World) -> None:
    [event] = await many(shop, 1)
    await inbox.retry(shop.ctx.pool, shop.account_id, event, "TimeoutError: slow", 8)
    await pause(shop)
    await shop.apply([event])
    assert await shop.states() == {event: ("retrying", "TimeoutError: slow")}
    await resume(shop)
    assert signalled(shop) == [event]
    assert await shop.states() == {event: ("retrying", "TimeoutError: slow")}
    await shop.apply([event])
    assert await shop.states() == {event: ("applied", None)}


async def test_D2_a_replayed_event_waits_in_a_paused_lane(shop: World) -> None:
    event = await shop.deliver("shopify", BODY, "orders/create")
    await pause(shop)
    async with acquire(shop.ctx.pool) as connection:
        await replays.rearm_one(connection, shop.account_id, event)
    await shop.apply([event])
    assert await shop.states() == {event: ("received", "lane_paused")}
    assert await checks.broken(shop.ctx.pool) == {}
    await resume(shop)
    await shop.apply([event])
    assert await shop.states() == {event: ("applied", None)}
    assert await orders(shop) == 1


async def test_D2_the_pause_of_one_account_leaves_the_others_alone(shop: World) -> None:
    other = new_id()
    await shop.ctx.pool.execute("INSERT INTO accounts (id, name, registry_enabled) VALUES ($1, 'other', true)", other)
    async with transaction(shop.ctx.pool) as connection:
        await lanes.pause(connection, other, "orders", (await connection.fetchval("SELECT now()")), "token:Bob")
    event = await shop.deliver("shopify", BODY, "orders/create")
    assert await shop.states() == {event: ("applied", None)}


async def test_D2_what_a_paused_lane_holds_makes_no_room_scarce_for_what_flows(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "KEPT_LIMIT", 5)
    await pause(shop)
    held = await many(shop, 20)
    await shop.apply(held)
    async with acquire(shop.ctx.pool) as connection:
        assert await inbox.unread(connection, shop.account_id, 100) == 0
    kept = [await shop.deliver("stripe", edited(PAID, id=f"evt_{number}")) for number in range(5)]
    await shop.ctx.pool.execute(
        "UPDATE event_states SET state = 'waiting', reason = 'registry_off', next_attempt_at = NULL "
        "WHERE event_id = ANY ($1)",
        kept,
    )
    await sweep.tick(shop.ctx)
    assert signalled(shop) == sorted(kept)


async def test_D2_a_paused_lane_raises_no_alarm_and_doctor_says_who_paused_it(shop: World, database: str) -> None:
    await pause(shop)
    events = await many(shop, 3)
    await shop.apply(events)
    late = await shop.store([shop.event("shopify", edited(BODY, id=99), "orders/create")])  # its signal was lost
    await shop.ctx.pool.execute(
        "UPDATE event_states SET next_attempt_at = now() - interval '1 hour' WHERE event_id = $1", late[0].id
    )
    await shop.ctx.pool.execute(
        "UPDATE events SET received_at = now() - interval '3 hours' WHERE id = ANY ($1)", events
    )
    async with acquire(shop.ctx.pool) as connection:
        found = await health.read(connection, fresh=timedelta(seconds=15), late=timedelta(seconds=30))
        assert (found.overdue, found.dead) == (0, 0)
        await connection.execute("DELETE FROM event_states WHERE event_id = $1", late[0].id)
        await connection.execute("DELETE FROM events WHERE id = $1", late[0].id)
        left = await backlog.read(connection, timedelta(seconds=15))
        assert left.oldest_s == 0
        assert (await lanes.paused_accounts(connection))["orders"] == 1
    findings = {one.what: one for one in await postgres_findings(Settings(database_url=database))}
    [paused] = [one for what, one in findings.items() if what.startswith("The lane orders of the account default")]
    assert paused.level == "warning"
    assert "by token:Ana, and holds 3 events" in paused.what
    assert "resume" in paused.remedy
    await resume(shop)
    async with acquire(shop.ctx.pool) as connection:
        assert (await backlog.read(connection, timedelta(seconds=15))).oldest_s == 0, "old by nature"
        assert (await lanes.paused_accounts(connection))["orders"] == 0


STEPS = st.lists(st.sampled_from(["pause", "resume", "deliver", "work", "lose", "sweep"]), max_size=12)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_D2_whatever_is_paused_resumed_and_lost_in_between_everything_is_applied_once_in_the_end(
    shop: World, steps: list[str]
) -> None:
    pool = shop.ctx.pool
    [row] = await shop.rows("SELECT count(*) FROM events")
    delivered, paused = int(row["count"]), False
    for step in steps:
        if step in ("pause", "resume"):
            paused = step == "pause"
            await (pause(shop) if paused else resume(shop))
        elif step == "deliver":
            delivered += 1
            [one] = await shop.store([shop.event("shopify", edited(BODY, id=delivered), "orders/create")])
            shop.ctx.lanes.signal(one.lane, one.account_id, [one.id])
        elif step == "work":
            before = await orders(shop)
            await shop.apply(signalled(shop))
            assert not paused or await orders(shop) == before
        elif step == "lose":
            signalled(shop)
        else:
            await sweep.tick(shop.ctx)
    await resume(shop)
    for _ in range(3):
        await shop.apply(signalled(shop))
        await pool.execute("UPDATE event_states SET next_attempt_at = now() WHERE next_attempt_at < 'infinity'")
        await sweep.tick(shop.ctx)
    assert set((await shop.states()).values()) <= {("applied", None)}
    assert await orders(shop) == delivered
