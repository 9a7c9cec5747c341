"""The outgoing feed (H5): what is told, in which order, how often, and what becomes of it when things fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from jsonschema import ValidationError
from prometheus_client import REGISTRY

from handlers.feed import ATTEMPTS
from schemas.account import Reach
from tests.feed import Receiver, Told, answering, check_documented, order, receiver, signal, told
from tests.integration.test_apply import checkout, intent, invoice, refund
from tests.world import World, payload
from worker import gauges
from worker.actions import subscribers as actions
from worker.cli.checkup import postgres_findings
from worker.config import Settings
from worker.feed.send import LEASE, SLOTS, SLOTS_EACH, SLOTS_SLOW
from worker.ids import new_id
from worker.store import deliveries
from worker.store.checks import broken
from worker.upkeep import feed as upkeep

PAID = {"payment_status": "paid", "version": 2}


@pytest.fixture
async def feed(shop: World) -> AsyncIterator[Told]:
    async with told(shop) as made:
        yield made
        assert await broken(shop.ctx.pool) == {}


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    """A subscriber; whatever it was sent is as the OpenAPI document says."""
    async with receiver() as made:
        yield made
        for message in made.messages:
            check_documented(message)


async def test_H5_an_order_is_told_whole_signed_and_in_order(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook)
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    await feed.send()
    assert hook.types == ["order.created", "order.updated", "order.paid"]
    assert [message["data"]["sequence"] for message in hook.messages] == [1, 2, 3]
    assert [message["data"]["version"] for message in hook.messages] == [1, 2, 2]
    first, last = hook.messages[0]["data"], hook.messages[-1]["data"]
    assert (first["payment_status"], last["payment_status"], last["is_paid"]) == ("pending", "paid", True)
    assert (first["number"], first["external_id"], first["amount"]) == (1, "A-1", 1000)
    assert [item["sku"] for item in last["items"]] == ["COF"]
    assert "payments" not in last
    assert await feed.states() == [(type_, "delivered") for type_ in hook.types]


async def test_H5_every_kind_of_message_is_as_the_document_says(feed: Told, hook: Receiver) -> None:
    subscriber_id = await feed.subscribe(hook)
    disputed = {
        "id": "evt_dp", "object": "event", "type": "charge.dispute.created", "created": 1_700_000_090, "livemode": True,
        "data": {"object": {
            "id": "dp_1", "object": "dispute", "amount": 1000, "currency": "usd", "status": "needs_response",
            "reason": "fraudulent", "payment_intent": "pi_1", "charge": "ch_1", "created": 1_700_000_090,
        }},
    }  # fmt: skip
    for body in (checkout(1), intent(1), refund(1), disputed):
        await feed.shop.deliver("stripe", body)
    await actions.test(feed.ctx, feed.shop.account_id, subscriber_id)
    await feed.send()
    [last] = [message for message in hook.messages if message["type"] == "order.disputed"]
    assert (len(last["data"]["refunds"]), len(last["data"]["disputes"])) == (1, 1)
    assert {"order.created", "order.updated", "order.partially_refunded", "daybook.test"} <= set(hook.types)
    for message in hook.messages:
        check_documented(message)
    for wrong in ({**last, "type": "order.else"}, {**last, "data": {**last["data"], "payments": []}}):
        with pytest.raises((KeyError, ValidationError)):
            check_documented(wrong)


async def test_H5_what_is_told_is_what_the_api_showed_at_that_moment(feed: Told, hook: Receiver) -> None:
    from worker.api import order_views
    from worker.store import order_reads

    await feed.subscribe(hook)
    await feed.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    async with feed.ctx.pool.acquire() as connection:
        [row] = await feed.shop.rows("SELECT id FROM orders")
        [rows] = await order_reads.read(connection, Reach(feed.shop.account_id), [row["id"]])
    shown = json.loads(order_views.body(feed.shop.account_id, rows).model_dump_json(by_alias=True))
    await feed.send()
    data = dict(hook.messages[0]["data"])
    assert data.pop("sequence") == 1
    left_out = {"payments", "locked_fields"}
    assert data == {name: value for name, value in shown.items() if name not in left_out}


async def test_H5_without_subscribers_nothing_is_written(feed: Told) -> None:
    await feed.shop.deliver("standard", order())
    for table in ("feed_events", "feed_deliveries", "feed_sequences"):
        assert await feed.shop.rows(f"SELECT 1 FROM {table}") == []


async def test_H5_a_subscriber_gets_the_types_it_chose(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook, ["order.paid"])
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    await feed.send()
    assert hook.types == ["order.paid"]
    assert await feed.shop.rows("SELECT DISTINCT type FROM feed_events") == [{"type": "order.paid"}]


async def test_H5_another_accounts_orders_are_not_told(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook)
    await feed.shop.ctx.pool.execute("UPDATE feed_subscribers SET state = 'active'")
    other = await feed.shop.ctx.pool.fetchval(
        "INSERT INTO accounts (id, name) VALUES (gen_random_uuid(), 'other') RETURNING id::text"
    )
    async with feed.ctx.pool.acquire() as connection:
        from worker.store import outbox

        assert await outbox.wanted(connection, other) is None


async def test_H5_a_transaction_that_rolls_back_tells_nothing(feed: Told, hook: Receiver) -> None:
    from worker.apply.rebuild import rebuild
    from worker.store.db import transaction

    await feed.subscribe(hook)
    await feed.shop.deliver("standard", order(due_at="2026-09-02T00:00:00Z"))
    before = await feed.deliveries()
    [row] = await feed.shop.rows("SELECT id FROM orders")
    await feed.shop.ctx.pool.execute(
        "UPDATE orders SET derived = convert_to(replace(convert_from(derived, 'UTF8'), 'Coffee', 'Tea'), 'UTF8')"
    )

    async def work_in_vain() -> None:
        async with transaction(feed.ctx.pool) as connection:
            await rebuild(connection, feed.shop.account_id, [row["id"]], 1_790_000_000_000_000, "daybook")
            assert await connection.fetchval("SELECT count(*) FROM feed_events") == len(before) + 1
            raise LookupError("and here it fails")

    with pytest.raises(LookupError):
        await work_in_vain()
    assert await feed.deliveries() == before


async def test_H5_every_attempt_sends_the_same_bytes_under_the_same_id(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook, ["order.created"])
    hook.answer = answering(500, "no " * 2000)
    await feed.shop.deliver("standard", order())
    await feed.send()
    await feed.shop.deliver("standard", order(**PAID))
    [row] = await feed.deliveries()
    assert (row["state"], row["attempts"], row["last_status"]) == ("retrying", 1, 500)
    assert len(row["last_answer"]) <= 1024
    assert timedelta(seconds=3) < row["next_attempt_at"] - row["last_attempt_at"] < timedelta(seconds=7)
    hook.answer = hook.fine
    await feed.send()
    assert len(hook.bodies) == 1, "it is not due yet"
    await feed.make_due()
    await feed.send()
    assert hook.bodies[0] == hook.bodies[1]
    assert hook.ids[0] == hook.ids[1] == row["event_id"]
    assert await feed.states() == [("order.created", "delivered")]


async def test_H5_after_its_last_attempt_a_delivery_is_dead_and_the_next_of_its_order_is_sent(
    feed: Told, hook: Receiver
) -> None:
    subscriber = await feed.subscribe(hook, ["order.created", "order.paid"])
    hook.answer = answering(503)
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    for _ in range(ATTEMPTS):
        assert await feed.feeds[0].look() == 1
        await feed.feeds[0].idle()
        [first, second] = await feed.deliveries()
        if first["state"] == "retrying":
            assert second["next_attempt_at"] >= first["next_attempt_at"], "what waits behind it is not looked at"
            await feed.make_due()
    assert len(hook.ids) == ATTEMPTS
    assert await feed.states() == [("order.created", "dead"), ("order.paid", "pending")]
    hook.answer = hook.fine
    await feed.send()
    assert await feed.states() == [("order.created", "dead"), ("order.paid", "delivered")]
    assert await actions.retry_dead(feed.ctx, feed.shop.account_id, subscriber) == 1
    await feed.send()
    assert hook.types[-1] == "order.created"
    assert await feed.states() == [("order.created", "delivered"), ("order.paid", "delivered")]


async def test_H5_what_waits_behind_a_retried_event_is_sent_once_that_is(feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook, ["order.created", "order.paid"])
    hook.answer = answering(500)
    await feed.shop.deliver("standard", order())
    await feed.send()
    await feed.shop.deliver("standard", order(**PAID))
    await feed.send()
    assert hook.types == ["order.created"]
    hook.answer = hook.fine
    await actions.retry(feed.ctx, feed.shop.account_id, subscriber, hook.ids[0])
    await feed.send()
    assert hook.types == ["order.created", "order.created", "order.paid"]


async def test_H5_what_is_committed_while_the_event_before_it_is_sent_follows_at_once(
    feed: Told, hook: Receiver
) -> None:
    subscriber = await feed.subscribe(hook, ["order.created", "order.paid"])
    await feed.shop.deliver("standard", order())
    slots = {(feed.shop.account_id, subscriber): 8}
    [claimed] = await deliveries.claim(feed.ctx.pool, slots, feed.shop.account_id, LEASE)
    await feed.shop.deliver("standard", order(**PAID))
    assert await feed.feeds[0].look() == 0
    await deliveries.delivered(feed.ctx.pool, claimed, 200)
    await feed.send()
    assert hook.types == ["order.paid"]


async def test_H5_retry_after_is_honoured(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook, ["order.created"])
    hook.answer = answering(429, Retry_After="3600")
    await feed.shop.deliver("standard", order())
    await feed.send()
    [row] = await feed.deliveries()
    assert timedelta(minutes=59) < row["next_attempt_at"] - row["last_attempt_at"] < timedelta(minutes=61)


async def test_H5_the_loop_of_a_worker_sends_by_itself_and_ends_when_told(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook)
    turning = feed.feeds[0]
    await turning.stop(0)
    await turning.start()
    arrived = asyncio.Event()

    async def note(message: dict[str, Any]) -> web.Response:
        if message["type"] == "order.paid":
            arrived.set()
        return web.Response()

    hook.answer = note
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    await signal(arrived)
    await turning.stop(5)
    assert await feed.states() == [(type_, "delivered") for type_ in ("order.created", "order.updated", "order.paid")]


async def test_H5_events_of_one_order_are_never_under_way_together(feed: Told, hook: Receiver) -> None:
    """Two workers, ten orders of three events each, a receiver that takes its time."""
    await feed.subscribe(hook)
    other = await feed.worker()
    under_way: set[str] = set()
    together = 0

    async def slowly(message: dict[str, Any]) -> web.Response:
        nonlocal together
        id_ = message["data"]["id"]
        assert id_ not in under_way
        under_way.add(id_)
        together = max(together, len(under_way))
        await asyncio.sleep(0.005)
        under_way.discard(id_)
        return web.Response()

    hook.answer = slowly
    for number in range(10):
        await feed.shop.deliver("standard", order(number))
    for number in range(10):
        await feed.shop.deliver("standard", order(number, **PAID))

    async def turn(feeds: Any) -> None:
        while await feed.shop.rows("SELECT 1 FROM feed_deliveries WHERE next_attempt_at IS NOT NULL LIMIT 1"):
            await feeds.look()
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await asyncio.gather(turn(feed.feeds[0]), turn(other))
    assert together > 1, "orders do not wait for each other"
    assert len(hook.ids) == len(set(hook.ids)) == 30, "none was sent twice"
    for id_ in {message["data"]["id"] for message in hook.messages}:
        assert [m["data"]["sequence"] for m in hook.messages if m["data"]["id"] == id_] == [1, 2, 3]


async def test_H5_a_worker_that_dies_between_send_and_note_leaves_it_to_another_under_the_same_id(
    feed: Told, hook: Receiver
) -> None:
    subscriber = await feed.subscribe(hook, ["order.created"])
    await feed.shop.deliver("standard", order())
    [claimed] = await deliveries.claim(
        feed.ctx.pool, {(feed.shop.account_id, subscriber): 8}, feed.shop.account_id, LEASE
    )
    assert await feed.feeds[0]._post(claimed) is not None  # and here it is killed
    assert await feed.feeds[0].look() == 0, "the lease stands"
    await feed.make_due()
    await feed.send()
    assert hook.ids == [claimed.event_id, claimed.event_id]
    assert await feed.states() == [("order.created", "delivered")]
    assert not await deliveries.failed(feed.ctx.pool, claimed, 5, status=500, error="late", answer=None)
    assert await feed.states() == [("order.created", "delivered")], "a note that comes late takes nothing back"


async def test_H5_a_worker_that_is_stopped_lets_go_of_what_it_has_not_sent(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook, ["order.created"])
    entered = asyncio.Event()

    async def never(_message: dict[str, Any]) -> web.Response:
        entered.set()
        await asyncio.Event().wait()
        return web.Response()

    hook.answer = never
    await feed.shop.deliver("standard", order())
    other = await feed.worker()
    await other.look()
    await signal(entered)
    await other.stop(0.05)
    [row] = await feed.deliveries()
    assert (row["lease"], row["attempts"]) == (None, 0)
    hook.answer = hook.fine
    await feed.send()
    assert await feed.states() == [("order.created", "delivered")]


async def test_H5_a_subscriber_that_hangs_holds_up_no_other(feed: Told, hook: Receiver) -> None:
    async with receiver() as slow:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def hang(_message: dict[str, Any]) -> web.Response:
            entered.set()
            await leave.wait()
            return web.Response()

        slow.answer = hang
        hanging = await feed.subscribe(slow)
        await feed.subscribe(hook)
        for number in range(20):
            await feed.shop.deliver("standard", order(number))
        turning = feed.feeds[0]
        async with asyncio.timeout(20):
            await signal_after(turning.look, entered)
            while len(hook.ids) < 20:
                await turning.look()
                await asyncio.sleep(0)
        assert slow.messages
        leased = "SELECT 1 FROM feed_deliveries WHERE lease IS NOT NULL AND subscriber_id = $1"
        assert len(await feed.shop.rows(leased, hanging)) == SLOTS_EACH
        leave.set()
        await turning.idle()


async def test_H5_all_workers_together_have_so_many_posts_to_one_subscriber_under_way(
    feed: Told, hook: Receiver
) -> None:
    subscriber = await feed.subscribe(hook, ["order.created"])
    for number in range(SLOTS_EACH + 4):
        await feed.shop.deliver("standard", order(number))
    name = (feed.shop.account_id, subscriber)
    claims = [
        deliveries.claim(feed.ctx.pool, {name: SLOTS_EACH}, new_id(), LEASE),
        deliveries.claim(feed.ctx.pool, {name: SLOTS_EACH}, new_id(), LEASE),
    ]
    found = [one.event_id for claimed in await asyncio.gather(*claims) for one in claimed]
    found += [one.event_id for one in await deliveries.claim(feed.ctx.pool, {name: SLOTS_EACH}, new_id(), LEASE)]
    assert len(found) == len(set(found)) == SLOTS_EACH
    await feed.make_due()
    again = await deliveries.claim(feed.ctx.pool, {name: SLOTS_EACH + 4}, new_id(), LEASE)
    assert len(again) == SLOTS_EACH + 4, "leases that are over count no more"


async def test_H5_room_is_shared_among_subscribers_and_those_that_hang_share_little_of_it(feed: Told) -> None:
    turning = feed.feeds[0]
    many = [("account", f"{number:03}") for number in range(100)]
    assert turning._room(many[:1]) == {many[0]: SLOTS_EACH}
    assert turning._room(many) == dict.fromkeys(many[:SLOTS], 1), "one for everybody first"
    turning._served = dict.fromkeys(many[:SLOTS], 1.0)
    assert set(turning._room(many)) >= set(many[SLOTS:]), "those served longest ago come first"
    turning._slow = set(many[:90])
    found = turning._room(many)
    assert {one for one in found if one in turning._slow} == set(list(found)[10:])
    assert len(found) == 10 + SLOTS_SLOW
    assert sum(found.values()) <= SLOTS


async def signal_after(look: Any, event: asyncio.Event) -> None:
    await look()
    await signal(event)


async def test_H5_410_disables_the_subscriber(feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook, ["order.created", "order.paid"])
    hook.answer = answering(410)
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    await feed.send()
    [row] = await feed.shop.rows("SELECT state, reason FROM feed_subscribers")
    assert row["state"] == "disabled"
    assert "410" in row["reason"]
    await feed.shop.deliver("standard", order(2))
    assert await feed.states() == [("order.created", "dead"), ("order.paid", "pending")]
    hook.answer = hook.fine
    await actions.activate(feed.ctx, feed.shop.account_id, subscriber, None)
    await feed.send()
    assert await feed.states() == [("order.created", "dead"), ("order.paid", "delivered")]


async def test_H5_while_paused_events_gather_and_are_sent_in_order_afterwards(feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook)
    await actions.pause(feed.ctx, feed.shop.account_id, subscriber, None)
    await feed.shop.deliver("standard", order())
    await feed.shop.deliver("standard", order(**PAID))
    await feed.send()
    assert hook.types == []
    await actions.activate(feed.ctx, feed.shop.account_id, subscriber, None)
    await feed.send()
    assert hook.types == ["order.created", "order.updated", "order.paid"]


async def test_H5_after_a_rotation_both_secrets_sign_for_a_day(feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook, ["order.created"])
    [old] = hook.secrets
    _, new = await actions.rotate(feed.ctx, feed.shop.account_id, subscriber, None)
    for number, secrets in enumerate(([old], [new])):
        hook.secrets = secrets
        await feed.shop.deliver("standard", order(number))
        await feed.send()
    assert len(hook.ids) == 2
    assert len(hook.headers[0]["webhook-signature"].split()) == 2
    await feed.shop.ctx.pool.execute("UPDATE feed_subscribers SET former_until = now() - interval '1 second'")
    await feed.shop.deliver("standard", order(3))
    await feed.send()
    assert len(hook.headers[2]["webhook-signature"].split()) == 1
    await upkeep.tick(feed.ctx)
    [row] = await feed.shop.rows("SELECT secret, former_secret FROM feed_subscribers")
    assert row["former_secret"] is None
    assert new.encode() not in row["secret"]


async def test_H5_two_orders_that_become_one_tell_it_and_the_rest_goes_on(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook)
    await feed.shop.deliver("stripe", invoice(1))
    await feed.shop.deliver("stripe", checkout(1, customer=None))
    before = {row["id"] for row in await feed.shop.rows("SELECT id FROM orders")}
    assert len(before) == 2
    link = {"id": "evt_link", "object": "event", "type": "invoice_payment.paid", "created": 1_700_000_060, "livemode": True,
            "data": {"object": {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1", "amount_paid": 1000, "currency": "usd",
                                "status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}}}  # fmt: skip
    await feed.shop.deliver("stripe", link)
    [row] = await feed.shop.rows("SELECT id FROM orders")
    await feed.send()
    [merged] = [message["data"] for message in hook.messages if message["type"] == "order.merged"]
    assert {merged["id"]} == before - {row["id"]}
    assert merged["merged_into"] == row["id"]
    of_source = [m for m in hook.messages if m["data"]["id"] == merged["id"]]
    assert of_source[-1]["type"] == "order.merged", "its last word"
    sequences: dict[str, list[int]] = {}
    for message in hook.messages:
        sequences.setdefault(message["data"]["id"], []).append(message["data"]["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sequences.values())


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_H5_redirects_and_errors_are_failures_and_nothing_is_followed(
    feed: Told, hook: Receiver, status: int
) -> None:
    await feed.subscribe(hook, ["order.created"])
    hook.answer = answering(status, "moved", Location=hook.url)
    await feed.shop.deliver("standard", order())
    await feed.send()
    [row] = await feed.deliveries()
    assert (row["state"], row["last_status"], row["last_answer"], len(hook.ids)) == ("retrying", status, "moved", 1)
    assert str(status) in row["last_error"]


async def test_H5_an_answer_without_end_is_cut_off(feed: Told, hook: Receiver) -> None:
    await feed.subscribe(hook, ["order.created"])
    hook.answer = answering(500, "x\x00" * 1_000_000)
    await feed.shop.deliver("standard", order())
    await feed.send()
    [row] = await feed.deliveries()
    assert row["state"] == "retrying"
    assert len(row["last_answer"].encode()) <= 1024


async def test_H5_nobody_there_is_a_failure_that_says_so(feed: Told) -> None:
    async with receiver() as gone:
        await feed.subscribe(gone, ["order.created"])
    await feed.shop.deliver("standard", order())
    await feed.send()
    [row] = await feed.deliveries()
    assert (row["state"], row["last_status"]) == ("retrying", None)
    assert "no connection" in row["last_error"]


async def test_H5_what_is_old_is_forgotten_in_small_batches(
    feed: Told, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)
    await feed.subscribe(hook)
    for number in range(3):
        await feed.shop.deliver("standard", order(number))
    await feed.send()
    await feed.shop.deliver("standard", order(0, **PAID))
    assert await upkeep.tick(feed.ctx) == 0
    await feed.shop.ctx.pool.execute(
        "UPDATE feed_events SET created_at = now() - interval '31 days' WHERE sequence = 1"
    )
    assert await upkeep.tick(feed.ctx) == 3
    assert await feed.states() == [("order.updated", "pending"), ("order.paid", "pending")]
    await feed.send()
    assert hook.messages[-1]["data"]["sequence"] == 3, "the count goes on"


async def test_H5_a_subscriber_that_is_removed_leaves_nothing(feed: Told, hook: Receiver) -> None:
    subscriber = await feed.subscribe(hook)
    async with receiver() as second:
        await feed.subscribe(second, ["order.created"])
        await feed.shop.deliver("standard", order())
        await feed.shop.deliver("standard", order(**PAID))
        await actions.remove(feed.ctx, feed.shop.account_id, subscriber, None)
        await feed.send()
        assert (hook.types, second.types) == ([], ["order.created"])
    assert await upkeep.tick(feed.ctx) == 3
    await upkeep.tick(feed.ctx)
    assert [row["id"] for row in await feed.shop.rows("SELECT id FROM feed_subscribers")] != [subscriber]
    assert len(await feed.shop.rows("SELECT 1 FROM feed_subscribers")) == 1
    assert await feed.shop.rows("SELECT type FROM feed_events") == [{"type": "order.created"}]


async def test_R6_doctor_and_the_gauges_see_what_is_not_told(feed: Told, hook: Receiver, database: str) -> None:
    await feed.subscribe(hook, ["order.created"])
    for number in range(2):
        await feed.shop.deliver("standard", order(number))
    await feed.ctx.pool.execute("UPDATE feed_deliveries SET next_attempt_at = now() - interval '10 minutes'")

    async def said() -> list[str]:
        findings = await postgres_findings(Settings(database_url=database))
        return [finding.what for finding in findings if "the feed" in finding.what and finding.level == "warning"]

    async with feed.ctx.pool.acquire() as connection:
        gauges.reading.note_feed(await deliveries.backlog(connection))
    assert REGISTRY.get_sample_value("feed_pending") == 2
    assert 600 <= (REGISTRY.get_sample_value("feed_overdue_seconds") or 0) < 700
    assert REGISTRY.get_sample_value("feed_dead") == 0
    gauges.reading.forget()
    assert await said() == ["A subscriber of the feed has waited 10 min for an attempt that is due"]
    hook.answer = answering(410)
    await feed.send()
    assert await said() == ["2 of the feed's messages were given up", "1 of the feed's subscribers is disabled"]
