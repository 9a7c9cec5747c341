"""Retention (Q8): the bodies of settled events go after the account's days; what made them one event stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api
from tests.integration.test_apply import checkout, intent
from tests.world import NOW, World
from worker.gauges import reading
from worker.gauges import tick as look
from worker.ids import new_id
from worker.store import inbox, replays
from worker.store.db import transaction
from worker.upkeep import retain

DAY = 86_400


async def received(shop: World, body: Any, days_ago: float, *, state: str | None = None) -> str:
    """An event that came so long ago, and was applied, unless it is to be in another state."""
    [stored] = await shop.store([shop.event("stripe", body, at=NOW - days_ago * DAY)])
    if state is None:
        await shop.apply([stored.id])
    else:
        async with shop.ctx.pool.acquire() as connection:
            await inbox.settle(connection, shop.account_id, [inbox.Outcome(stored.id, state, "a reason")])
    return stored.id


async def bodiless(shop: World) -> set[str]:
    rows = await shop.rows("SELECT id, body, headers FROM events WHERE pruned_at IS NOT NULL")
    assert all((row["body"], row["headers"]) == (b"", "{}") for row in rows)
    return {row["id"] for row in rows}


async def due_again(shop: World) -> None:
    await shop.ctx.pool.execute("UPDATE retention SET next_at = 'epoch'")


async def test_Q8_bodies_of_settled_events_go_after_ninety_days_and_no_others(api: Api) -> None:
    shop = api.shop
    applied = await received(shop, checkout(1), 91)
    ignored = await received(shop, {**checkout(2), "type": "product.created"}, 91)
    assert (await shop.states())[ignored][0] == "ignored"
    await received(shop, checkout(3), 89)
    for number, state in enumerate(("waiting", "dead"), 4):
        await received(shop, checkout(number), 200, state=state)
    [unread] = await shop.store([shop.event("stripe", checkout(9), at=NOW - 300 * DAY)])
    before = await shop.books()
    assert await retain.tick(shop.ctx) == 2
    assert await bodiless(shop) == {applied, ignored}
    assert await shop.books() == before
    assert (await shop.states())[unread.id][0] == "received"
    assert await retain.tick(shop.ctx) == 0


async def test_Q8_what_was_settled_late_is_pruned_late(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retain, "BATCH", 2)
    shop = api.shop
    dead = [await received(shop, checkout(number), 100, state="dead") for number in range(5)]
    applied = await received(shop, checkout(9), 95)
    assert await retain.tick(shop.ctx) == 1
    async with shop.ctx.pool.acquire() as connection:
        await inbox.settle(connection, shop.account_id, [inbox.Outcome(dead[3], "applied")])
    assert await retain.tick(shop.ctx) == 0, "it is not its hour yet"
    await due_again(shop)
    assert await retain.tick(shop.ctx) == 1
    assert await bodiless(shop) == {applied, dead[3]}
    rows = await shop.rows("SELECT event_id FROM retained_events")
    assert {row["event_id"] for row in rows} == set(dead) - {dead[3]}


async def test_Q8_thousands_go_in_small_batches_each_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retain, "BATCH", 3)
    shop = api.shop
    events = {await received(shop, checkout(number), 91, state="applied") for number in range(10)}
    await asyncio.gather(*(retain.tick(shop.ctx) for _ in range(3)))
    await due_again(shop)
    await retain.tick(shop.ctx)
    assert await bodiless(shop) == events
    assert (await api.get("/retention"))["pruned"] == 10


async def test_Q8_a_second_delivery_of_a_pruned_event_is_still_a_duplicate(api: Api) -> None:
    shop = api.shop
    event = await received(shop, checkout(1), 91)
    await retain.tick(shop.ctx)
    [again] = await shop.store([shop.event("stripe", checkout(1))])
    assert (again.id, again.duplicate, again.open) == (event, True, False)
    [row] = await shop.rows("SELECT count(*) AS orders FROM orders")
    assert row["orders"] == 1


async def test_Q8_a_pruned_event_says_so_and_is_not_replayed(api: Api) -> None:
    shop = api.shop
    event = await received(shop, checkout(1), 91)
    kept = await received(shop, checkout(2), 1)
    await retain.tick(shop.ctx)
    assert (await api.get(f"/events/{event}"))["pruned_at"] == "2026-09-21T14:13:20Z"
    assert (await api.get(f"/events/{kept}"))["pruned_at"] is None
    body = await api.ask("GET", f"/events/{event}/body")
    assert (body.status, body.json["code"]) == (410, "pruned")
    for wish in ({}, {"dry_run": True}):
        refused = await api.ask("POST", f"/events/{event}/replay", json=wish)
        assert (refused.status, refused.json["code"]) == (409, "pruned")
        assert "have the sender state it anew" in refused.json["detail"]
    found = await api.post("/events/replay", {"connection": "stripe"}, 202)
    assert (found["event_ids"], found["pruned"], found["skipped"]) == ([kept], 1, 0)
    counted = await api.post("/events/replay", {"ids": [event], "dry_run": True}, 200)
    assert (counted["count"], counted["pruned"], counted["examined"]) == (0, 1, 0)
    assert (await shop.states())[event][0] == "applied"


async def test_Q8_what_is_being_replayed_is_not_pruned_under_it(api: Api) -> None:
    shop = api.shop
    event = await received(shop, checkout(1), 91)
    async with transaction(shop.ctx.pool) as connection:
        await replays.hold(connection, shop.account_id, [event])
        assert await retain.tick(shop.ctx) == 0
        await replays.rearm(connection, shop.account_id, [event])
    assert await bodiless(shop) == set()
    await shop.apply([event])
    await due_again(shop)
    assert await retain.tick(shop.ctx) == 1


async def test_O13_what_was_kept_while_the_registry_was_off_is_not_pruned(api: Api) -> None:
    await api.set(registry_enabled=False)
    event = await received(api.shop, checkout(1), 91)
    assert (await api.shop.states())[event] == ("waiting", inbox.REGISTRY_OFF)
    assert await retain.tick(api.shop.ctx) == 0


async def test_Q8_the_days_are_a_setting_of_the_account(api: Api) -> None:
    shop = api.shop
    account = f"/accounts/{shop.account_id}"
    assert (await api.get(account))["retention_days"] == 90
    event = await received(shop, checkout(1), 20)
    assert await retain.tick(shop.ctx) == 0
    await api.set(retention_days=None)
    await due_again(shop)
    assert await retain.tick(shop.ctx) == 0, "for ever"
    assert (await api.get(account))["retention_days"] is None
    await api.set(retention_days=10)
    assert await retain.tick(shop.ctx) == 1, "at once, not in an hour"
    assert await bodiless(shop) == {event}
    for wrong in (0, -1, 36_501, "90", 1.5):
        answer = await api.ask("PATCH", account, json={"retention_days": wrong})
        assert (answer.status, answer.fields) == (422, ["retention_days"])


async def test_Q8_the_progress_is_told(api: Api) -> None:
    shop = api.shop
    fresh = await api.get("/retention")
    assert (fresh["days"], fresh["pruned_to"], fresh["pruned"], fresh["left"], fresh["last_run_at"]) == (
        90, None, 0, 0, None,
    )  # fmt: skip
    await received(shop, checkout(1), 92)
    await received(shop, checkout(2), 91, state="dead")
    await received(shop, checkout(3), 2)
    assert (await api.get("/retention"))["left"] == 2
    await retain.tick(shop.ctx)
    found = await api.get("/retention", token=await api.token("rep", Permission.OPS_VIEW))
    assert (found["pruned"], found["left"], found["left_capped"], found["unsettled"]) == (1, 0, False, 1)
    assert (found["pruned_to"], found["last_run_at"]) == ("2026-06-22T14:13:20Z", "2026-09-21T14:13:20Z")
    assert found["oldest_at"] == "2026-06-22T14:13:20Z"
    assert (await api.ask("GET", "/retention", token=await api.token("rep"))).status == 403


async def test_Q8_a_body_that_is_overdue_shows_in_the_metrics(api: Api) -> None:
    await received(api.shop, checkout(1), 92)
    await look(api.shop.ctx)
    [gauge] = [metric for metric in reading.collect() if metric.name == "inbox_prune_overdue_seconds"]
    assert [sample.value for sample in gauge.samples] == [2 * DAY]
    await retain.tick(api.shop.ctx)
    await look(api.shop.ctx)
    [gauge] = [metric for metric in reading.collect() if metric.name == "inbox_prune_overdue_seconds"]
    assert [sample.value for sample in gauge.samples] == [0]


async def test_I4_one_accounts_days_prune_nothing_of_another(api: Api) -> None:
    stranger = await api.other_account()
    own = await received(api.shop, checkout(1), 20)
    [account] = (await api.get("/accounts", token=stranger))["items"]
    answer = await api.ask("PATCH", f"/accounts/{account['id']}", json={"retention_days": 1}, token=stranger)
    assert answer.status == 200
    assert await retain.tick(api.shop.ctx) == 0
    assert await bodiless(api.shop) == set()
    assert (await api.get("/retention", token=stranger))["pruned"] == 0
    assert (await api.ask("GET", f"/events/{own}/body")).status == 200


async def test_Q8_nothing_is_scanned_for(api: Api) -> None:
    """The next events to prune are found by the index of their receipt, the notes by their key."""
    for number in range(3):
        await received(api.shop, intent(number), 91, state="applied")
    await retain.tick(api.shop.ctx)
    async with api.shop.ctx.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.fetch(
            "EXPLAIN SELECT e.id, e.received_at FROM events e WHERE e.account_id = $1 AND "
            "(e.received_at, e.id) > (to_timestamp(0), $2::uuid) AND e.received_at < now() "
            "ORDER BY e.received_at, e.id LIMIT 500",
            api.shop.account_id, new_id(),
        )  # fmt: skip
    plan = "\n".join(row[0] for row in rows)
    assert "events_received" in plan
    assert "Sort" not in plan
