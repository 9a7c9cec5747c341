"""From the inbox to a true order: folding, isolation, retries, races (Q1-Q4, O1, O2, I2)."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.feed import order as told_order
from tests.world import World, payload
from worker.apply import batch as applying
from worker.errors import Transient
from worker.ids import new_id
from worker.store import inbox, replays
from worker.store.db import transaction
from worker.upkeep import overdue, sweep


def intent(
    number: int, kind: str = "payment_intent.succeeded", status: str = "succeeded", **more: Any
) -> dict[str, Any]:
    return {
        "id": f"evt_pi_{number}_{status}", "object": "event", "type": kind, "created": 1_700_000_000 + number, "livemode": True,
        "data": {"object": {"object": "payment_intent", "id": f"pi_{number}", "amount": 1000, "amount_received": 1000, "currency": "usd",
                            "status": status, "customer": f"cus_{number}", **more}},
    }  # fmt: skip


def checkout(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_cs_{number}", "object": "event", "type": "checkout.session.completed", "created": 1_700_000_000 + number, "livemode": True,
        "data": {"object": {"object": "checkout.session", "id": f"cs_{number}", "amount_total": 1000, "amount_subtotal": 1000, "currency": "usd",
                            "status": "complete", "payment_status": "paid", "mode": "payment", "payment_intent": f"pi_{number}",
                            "created": 1_700_000_000 + number, "customer": f"cus_{number}",
                            "customer_details": {"email": f"c{number}@example.com", "name": f"Customer {number}"}, **more}},
    }  # fmt: skip


def refund(number: int) -> dict[str, Any]:
    return {
        "id": f"evt_re_{number}", "object": "event", "type": "refund.created", "created": 1_700_000_100, "livemode": True,
        "data": {"object": {"object": "refund", "id": f"re_{number}", "amount": 400, "currency": "usd", "status": "succeeded",
                            "payment_intent": f"pi_{number}", "charge": None, "created": 1_700_000_100}},
    }  # fmt: skip


def invoice(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_in_{number}", "object": "event", "type": "invoice.paid", "created": 1_700_000_050, "livemode": True,
        "data": {"object": {"object": "invoice", "id": f"in_{number}", "status": "paid", "total": 1000, "amount_due": 1000, "amount_paid": 1000,
                            "currency": "usd", "created": 1_700_000_000, "customer": f"cus_{number}", "lines": {"data": []},
                            "status_transitions": {"finalized_at": 1_700_000_010, "paid_at": 1_700_000_050}, **more}},
    }  # fmt: skip


async def test_P2_a_payment_waits_for_what_claims_it_and_then_joins_by_itself(shop: World) -> None:
    event = await shop.deliver("stripe", intent(1))
    state, reason = (await shop.states())[event]
    assert state == "waiting"
    assert "pi_1" in str(reason)
    assert [(row["number"], row["order_id"]) for row in await shop.rows("SELECT number, order_id FROM payments")] == [
        (1, None)
    ]
    await shop.deliver("stripe", checkout(1))
    assert {state for state, _ in (await shop.states()).values()} == {"applied"}
    order = await shop.order("cs_1")
    assert (order["payment_status"], order["amount_paid"], order["number"], order["managed_by"]) == (
        "paid",
        1000,
        1,
        "stripe",
    )
    assert [row["order_id"] for row in await shop.rows("SELECT order_id FROM payments")] == [order["id"]]


async def test_O2_the_contact_is_registered_in_the_orders_own_transaction(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    [contact] = await shop.rows("SELECT id, email, name FROM contacts")
    assert (contact["email"], contact["name"]) == ("c1@example.com", "Customer 1")
    assert (await shop.order("cs_1"))["contact_id"] == contact["id"]


async def test_two_orders_that_turn_out_to_be_one_become_one(shop: World) -> None:
    await shop.deliver("stripe", invoice(1))
    await shop.deliver("stripe", checkout(1, customer=None))
    assert len(await shop.rows("SELECT id FROM orders")) == 2
    link = {"id": "evt_link", "object": "event", "type": "invoice_payment.paid", "created": 1_700_000_060, "livemode": True,
            "data": {"object": {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1", "amount_paid": 1000, "currency": "usd",
                                "status": "paid", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}}}  # fmt: skip
    product = new_id()
    await shop.ctx.pool.execute(
        "INSERT INTO products (account_id, id, sku, name, kind, attributes, tracked, archived) VALUES ($1, $2, 'M', 'Machine', 'goods', '{}', true, false)",
        shop.account_id, product,
    )  # fmt: skip
    await shop.ctx.pool.execute(
        "INSERT INTO units (account_id, id, product_id, serial_number, order_id, order_item_id, attributes, archived) "
        "SELECT account_id, gen_random_uuid(), $1, external_id, id, gen_random_uuid(), '{}', false FROM orders",
        product,
    )
    await shop.deliver("stripe", link)
    [order] = await shop.rows("SELECT id, external_id, amount_paid FROM orders")
    units = await shop.rows("SELECT serial_number FROM units WHERE order_id = $1 ORDER BY 1", order["id"])
    assert [row["serial_number"] for row in units] == ["cs_1", "in_1"], "units that went out with either"
    assert (order["external_id"], order["amount_paid"]) == ("cs_1", 1000)
    [merge] = await shop.rows("SELECT order_id, into_order_id FROM order_merges")
    assert merge["into_order_id"] == order["id"] != merge["order_id"]
    numbers = await shop.rows("SELECT number FROM orders UNION ALL SELECT number FROM order_merges ORDER BY 1")
    assert [row["number"] for row in numbers] == [1, 2]
    assert len(await shop.rows("SELECT id FROM contacts")) == 1


@pytest.mark.parametrize("seed", range(4))
async def test_I2_any_order_batching_and_duplication_ends_in_the_same_books(
    shop: World, database: str, seed: int
) -> None:
    stream = [
        event
        for n in (1, 2, 3)
        for event in (intent(n, "payment_intent.created", "requires_payment_method"), intent(n), checkout(n), refund(n))
    ]
    stream += [invoice(2, payment_intent="pi_2"), invoice(4)]
    for event in stream:
        await shop.deliver("stripe", event)
    straight = await shop.books()
    chance = random.Random(seed)
    await shop.ctx.pool.execute(
        "TRUNCATE events, event_states, dossiers, links, refs, contacts, contact_keys, orders, order_items, order_charges, payments, timeline, order_merges, counters CASCADE"
    )
    shuffled = [*stream, *chance.choices(stream, k=6)]
    chance.shuffle(shuffled)
    stored = await shop.store([shop.event("stripe", event) for event in shuffled])
    ids = sorted({event.id for event in stored}, key=lambda _: chance.random())
    size = chance.choice([1, 3, 50])
    batches = [ids[start : start + size] for start in range(0, len(ids), size)]
    await asyncio.gather(*(shop.apply(batch) for batch in batches))
    await _apply_leftovers(shop)
    assert await shop.books() == straight


async def _apply_leftovers(shop: World) -> None:
    """What lost a race more often than a batch is repeated is retried later, as the sweep would do it."""
    for _ in range(20):
        rows = await shop.rows("SELECT event_id FROM event_states WHERE state IN ('received', 'retrying')")
        if not rows:
            return
        await shop.apply([row["event_id"] for row in rows])
    raise AssertionError("events are stuck")


async def test_R2_a_repeated_delivery_is_one_event_and_other_bytes_under_its_id_are_another(shop: World) -> None:
    event = shop.event("stripe", checkout(1))
    again = shop.event("stripe", checkout(1))
    other = shop.event("stripe", checkout(1, customer_details={"email": "other@example.com"}))
    first, second = await shop.store([event, again])
    [third] = await shop.store([shop.event("stripe", checkout(1))])
    [fourth] = await shop.store([other])
    assert (first.duplicate, second.duplicate, third.duplicate, fourth.duplicate) == (False, True, True, False)
    assert first.id == second.id == third.id != fourth.id
    conflicts = await shop.rows("SELECT id FROM events WHERE id_conflict")
    assert [row["id"] for row in conflicts] == [fourth.id]


async def test_Q2_one_bad_event_never_fails_its_neighbours(shop: World) -> None:
    bad = checkout(2, currency="zzz")
    stored = await shop.store([shop.event("stripe", event) for event in (checkout(1), bad, checkout(3))])
    await shop.apply([event.id for event in stored])
    states = await shop.states()
    assert [states[event.id][0] for event in stored] == ["applied", "dead", "applied"]
    assert "data.object.currency" in str(states[stored[1].id][1])


async def test_Q2_an_event_that_postgres_refuses_is_split_off_and_set_aside(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = applying.fold

    def poisoned(dossier: Any, readings: Any, now: int) -> Any:
        if any("stripe:cs_2" in reading.keys for _, reading in readings):
            raise ValueError("poison")
        return honest(dossier, readings, now)

    monkeypatch.setattr(applying, "fold", poisoned)
    stored = await shop.store([shop.event("stripe", checkout(n)) for n in range(1, 6)])
    await shop.apply([event.id for event in stored])
    states = await shop.states()
    assert [states[event.id][0] for event in stored] == ["applied", "dead", "applied", "applied", "applied"]
    assert await shop.rows("SELECT id FROM batches") == []


async def test_Q4_a_transient_fault_is_retried_later_and_dead_after_eight_tries(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_: Any) -> Any:
        raise Transient("the moon is in the way")

    monkeypatch.setattr(applying, "TRIES", 1)
    monkeypatch.setattr(applying, "resolve", unreachable)
    [stored] = await shop.store([shop.event("stripe", checkout(1))])
    seen = []
    for _ in range(8):
        await shop.apply([stored.id])
        [row] = await shop.rows("SELECT state, attempts, next_attempt_at FROM event_states")
        seen.append((row["state"], row["attempts"], row["next_attempt_at"] is not None))
    assert seen[:7] == [("retrying", n, True) for n in range(1, 8)]
    assert seen[7] == ("dead", 8, False)


async def test_O1_a_thousand_webhooks_of_one_order_at_once_make_one_order(shop: World) -> None:
    events = [shop.event("stripe", intent(1) | {"id": f"evt_{n}"}) for n in range(500)]
    events += [shop.event("stripe", checkout(1) | {"id": f"evt_c{n}"}) for n in range(500)]
    stored = await shop.store(events)
    ids = [event.id for event in stored]
    await asyncio.gather(*(shop.apply(ids[start : start + 50]) for start in range(0, 1000, 50)))
    await _apply_leftovers(shop)
    assert [
        (row["external_id"], row["amount_paid"])
        for row in await shop.rows("SELECT external_id, amount_paid FROM orders")
    ] == [("cs_1", 1000)]
    assert len(await shop.rows("SELECT id FROM contacts")) == 1
    assert {state for state, _ in (await shop.states()).values()} == {"applied"}


async def test_Q3_batches_that_share_many_orders_neither_deadlock_nor_lose_anything(shop: World) -> None:
    stream = [event for n in range(40) for event in (intent(n), checkout(n), refund(n))]
    random.Random(7).shuffle(stream)
    stored = await shop.store([shop.event("stripe", event) for event in stream])
    ids = [event.id for event in stored]
    await asyncio.gather(*(shop.apply(ids[start::8]) for start in range(8)))
    await _apply_leftovers(shop)
    orders = await shop.rows("SELECT payment_status, amount_paid, amount_refunded, number FROM orders ORDER BY number")
    assert [(row["amount_paid"], row["amount_refunded"]) for row in orders] == [(1000, 400)] * 40
    numbers = await shop.rows("SELECT number FROM orders UNION ALL SELECT number FROM order_merges ORDER BY 1")
    assert [row["number"] for row in numbers] == list(range(1, len(numbers) + 1))


async def test_O10_the_timeline_says_which_event_changed_what(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    event = await shop.deliver("stripe", refund(1))
    rows = await shop.rows("SELECT actor, events, changes FROM timeline ORDER BY at, id")
    assert [row["actor"] for row in rows] == ["event", "event"]
    assert rows[1]["events"] == [event]
    assert {"field": "amount_refunded", "from": 0, "to": 400} in rows[1]["changes"]


async def test_an_event_that_changes_nothing_leaves_version_and_timeline_alone(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    await shop.deliver("stripe", checkout(1) | {"id": "evt_again"})
    [order] = await shop.rows("SELECT version FROM orders")
    assert order["version"] == 1
    assert len(await shop.rows("SELECT id FROM timeline")) == 1


async def test_O5_an_order_becomes_overdue_by_itself(shop: World) -> None:
    due = invoice(
        1, status="open", amount_paid=0, due_date=1_800_000_000, status_transitions={"finalized_at": 1_700_000_010}
    )
    await shop.deliver("stripe", due | {"type": "invoice.finalized"})
    assert (await shop.order("in_1"))["payment_status"] == "pending"
    await shop.ctx.pool.execute("SELECT 1")
    await shop.ctx.pool.execute(
        "BEGIN; SELECT set_config('daybook.deriving', 'on', true); UPDATE orders SET due_at = now() - interval '1 s'; COMMIT"
    )
    ctx = shop.ctx.__class__(shop.ctx.settings, shop.ctx.pool, shop.ctx.vault, shop.ctx.lanes, lambda: 1_800_000_001.0)
    assert await overdue.tick(ctx) == 1
    assert (await shop.order("in_1"))["payment_status"] == "overdue"


async def test_the_sweep_signals_again_what_was_lost_and_only_that(shop: World) -> None:
    [lost] = await shop.store([shop.event("stripe", checkout(1))])
    await shop.ctx.pool.execute("UPDATE event_states SET next_attempt_at = now() - interval '1 s'")
    [fresh] = await shop.store([shop.event("stripe", checkout(2), at=4_000_000_000.0)])
    assert await sweep.tick(shop.ctx) == 1
    assert shop.ctx.lanes.signalled == [lost.id]
    assert await sweep.tick(shop.ctx) == 0, "a signal just sent is given time"
    assert fresh.id not in shop.ctx.lanes.signalled


async def test_the_sweep_passes_over_what_is_being_applied_and_never_waits_for_it(shop: World) -> None:
    stored = await shop.store([shop.event("stripe", checkout(n)) for n in (1, 2)])
    await shop.ctx.pool.execute("UPDATE event_states SET next_attempt_at = now() - interval '1 s'")
    async with transaction(shop.ctx.pool) as applying_one:
        await inbox.load(applying_one, shop.account_id, [stored[0].id])
        async with asyncio.timeout(5):
            assert await sweep.tick(shop.ctx) == 1
    assert shop.ctx.lanes.signalled == [stored[1].id]


async def test_an_event_that_kills_its_worker_is_dead_after_eight_tries_and_its_neighbours_go_on(shop: World) -> None:
    stored = await shop.store([shop.event("stripe", checkout(n)) for n in (1, 2)])
    ids = [event.id for event in stored]
    for _ in range(8):
        await shop.ctx.pool.execute(
            "INSERT INTO batches (account_id, id, worker, event_ids, started_at) VALUES ($1, uuidv7(), 'gone', $2, now() - interval '1 min')",
            shop.account_id, ids,
        )  # fmt: skip
        await sweep.tick(shop.ctx)
        ids = ids[:1]
    await shop.apply([stored[1].id])
    states = await shop.states()
    assert states[stored[0].id] == ("dead", "the worker died while applying it")
    assert states[stored[1].id][0] == "applied"


async def test_O6_direct_sql_cannot_change_what_stripe_manages_but_can_change_the_rest(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    for statement in (
        "UPDATE orders SET amount = 1",
        "UPDATE orders SET payment_status = 'refunded'",
        "UPDATE orders SET currency = 'EUR'",
        "UPDATE orders SET managed_by = 'manual'",
        "DELETE FROM orders",
        "UPDATE order_items SET quantity = 5",
        "DELETE FROM order_items",
        "UPDATE payments SET amount = 1",
        "INSERT INTO order_charges SELECT account_id, id, uuidv7(), 1, 'x', 'discount', 'fixed', NULL, 1, 1, -1, NULL FROM orders",
    ):
        with pytest.raises(Exception, match="Stripe") as refused:
            await shop.ctx.pool.execute(statement)
        assert getattr(refused.value, "constraint_name", None) == "stripe_managed", statement
    await shop.ctx.pool.execute(
        "UPDATE orders SET tracking_url = 'https://t.example/1', notes = 'n', status = 'processing'"
    )
    assert (await shop.order("cs_1"))["tracking_url"] == "https://t.example/1"


async def test_test_traffic_is_marked_on_the_event_and_on_what_it_made(shop: World) -> None:
    body = checkout(1) | {"livemode": False}
    await shop.deliver("stripe", body)
    assert [row["livemode"] for row in await shop.rows("SELECT livemode FROM events")] == [False]
    assert (await shop.order("cs_1"))["livemode"] is False


async def test_a_session_that_names_an_order_of_ours_joins_it_in_either_order_of_arrival(shop: World) -> None:
    woo = {"id": 13, "number": "13", "status": "pending", "currency": "USD", "total": "10.00", "date_created_gmt": "2023-11-14T22:13:20",
           "date_modified_gmt": "2023-11-14T22:13:20", "billing": {"email": "c1@example.com"}, "line_items": [], "customer_id": 0}  # fmt: skip
    for first, second in (
        ((("stripe", checkout(1, client_reference_id="13"), ""), ("woocommerce", woo, "order.updated"))),
        ((("woocommerce", woo, "order.updated"), ("stripe", checkout(1, client_reference_id="13"), ""))),
    ):
        await shop.deliver(*first)
        await shop.deliver(*second)
        rows = await shop.rows("SELECT origin, external_id, payment_status, amount_paid, managed_by FROM orders")
        assert [tuple(row.values()) for row in rows] == [("woocommerce", "13", "paid", 1000, "manual")]
        await shop.ctx.pool.execute(
            "TRUNCATE events, event_states, dossiers, links, refs, contacts, contact_keys, orders, payments, timeline, order_merges, counters CASCADE"
        )


async def test_two_sessions_that_share_a_reference_to_nothing_stay_two_sales(shop: World) -> None:
    for number in (1, 2):
        await shop.deliver("stripe", checkout(number, client_reference_id="user-42"))
    assert len(await shop.rows("SELECT id FROM orders")) == 2


async def test_rearming_an_event_applies_it_again_without_effect(shop: World) -> None:
    event = await shop.deliver("stripe", checkout(1))
    before = await shop.books()
    assert await replays.rearm_one(shop.ctx.pool, shop.account_id, event) == "payments"
    [row] = await shop.rows("SELECT state, next_attempt_at - now() AS pause FROM event_states")
    assert row["state"] == "received"
    assert row["pause"] <= timedelta(seconds=5)
    await shop.apply([event])
    assert await shop.books() == before
    assert json.dumps(before["orders"]).count("cs_1") >= 1


async def test_O4_the_source_says_what_kind_of_sender_an_order_came_from(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    await shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    await shop.deliver("standard", told_order())
    rows = await shop.rows("SELECT origin, source FROM orders")
    assert {row["origin"]: row["source"] for row in rows} == {
        "stripe": "payments", "shopify": "commerce", "standard": "webhook",
    }  # fmt: skip
