"""Charging recurring orders against the stand-in Stripe (C2-C6): whatever happens, each cycle is charged at most once
and what Daybook recorded is what was charged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from handlers.errors import Refused
from tests.charging import DAY, HOUR, Till
from tests.stripe import KEY, stand_in
from tests.world import World, edited, payload
from worker.actions import accounts, orders, recurring
from worker.charging import charge, claim
from worker.charging.charge import Charger
from worker.local.stripe.cards import Answer, decline
from worker.local.stripe.stand_in import StandIn
from worker.outside.stripe import Stripe

__all__ = ["stand_in"]


@pytest.fixture
async def till(shop: World, stand_in: StandIn) -> AsyncIterator[Till]:
    """What hangs is given up after two seconds."""
    async with Stripe(KEY, stand_in.url, connect_s=2, total_s=2, pause_s=0.001) as stripe:
        yield Till(shop, stand_in, stripe)


async def test_C2_each_due_date_makes_an_order_that_is_charged_and_paid(till: Till) -> None:
    till.set(till.at("2026-01-31 09:00"))
    id_ = await till.plan(total_payments=3)
    await till.run(days=100)
    await till.agree()
    found = await till.found(id_)
    assert (found["status"], found["payments_made"], found["next_payment_at"]) == ("completed", 3, None)
    orders = await till.shop.rows("SELECT * FROM orders ORDER BY number")
    assert [order["payment_status"] for order in orders] == ["paid"] * 3
    assert [order["ordered_at"].strftime("%m-%d %H:%M") for order in orders] == [
        "01-31 09:00",
        "02-28 09:00",
        "03-31 09:00",
    ]
    assert {(order["source"], order["managed_by"], order["livemode"]) for order in orders} == {
        ("payments", "stripe", False)
    }
    assert await till.states(id_) == [(1, 1, "succeeded"), (2, 1, "succeeded"), (3, 1, "succeeded")]


async def test_C6_the_webhooks_of_a_charge_change_nothing_that_its_answer_has_said(till: Till) -> None:
    id_ = await till.plan()
    await till.run()
    before = await till.shop.books()
    found = await till.found(id_)
    await till.webhooks()
    await till.webhooks()
    await till.agree()
    after = await till.shop.books()
    assert [order["payment_status"] for order, *_ in after["orders"]] == ["paid"]
    assert (after["payments"], after["items"]) == (before["payments"], before["items"])
    assert (await till.found(id_))["version"] == found["version"]
    assert {state for state, _ in (await till.shop.states()).values()} <= {"applied", "ignored"}


async def test_C6_a_webhook_that_comes_before_the_answer_settles_the_attempt(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("hang_after", on="payment_intents.confirm")
    charging = asyncio.create_task(till.look())
    while not till.stand_in.made:  # noqa: ASYNC110  (the stand-in's own list)
        await asyncio.sleep(0.001)
    await till.webhooks()
    assert await till.states(id_) == [(1, 1, "succeeded")]
    till.stand_in.let_go()
    await charging
    await till.agree()
    assert (await till.found(id_))["status"] == "active"


@pytest.mark.parametrize("on", ["payment_intents.create", "payment_intents.confirm"])
@pytest.mark.parametrize(
    "kind",
    [
        "cut_before", "cut_after", "cut_body", "hang_before", "hang_after", "error_before", "error_after", "gateway",
        "rate_limit", "lock_timeout",
    ],
)  # fmt: skip
async def test_C6_whatever_the_line_does_the_cycle_is_charged_once(till: Till, kind: Any, on: str) -> None:
    id_ = await till.plan()
    till.stand_in.trouble(kind, on=on)
    await till.look()
    till.stand_in.let_go()
    assert len(till.stand_in.made) <= 1
    [attempt] = await till.attempts(id_)
    assert attempt["state"] in ("created", "sent", "unknown")
    await till.run(days=2)
    await till.webhooks()
    await till.agree()
    assert len(till.stand_in.made) == 1
    assert await till.states(id_) == [(1, 1, "succeeded")]
    assert (await till.found(id_))["status"] == "active"


@pytest.mark.parametrize("kind", ["cut_after", "hang_after", "error_after"])
async def test_C6_an_unknown_outcome_stays_unknown_and_is_never_charged_again(till: Till, kind: Any) -> None:
    id_ = await till.plan()
    till.stand_in.trouble(kind, on="payment_intents.confirm")
    till.stand_in.trouble("cut_before", on="payment_intents.retrieve", times=30)
    await till.look()
    for hours in (0, 1, 5, 21, 50):
        till.set(till.now + hours * HOUR)
        await till.look()
        assert await till.states(id_) == [(1, 1, "unknown")]
        assert (await till.found(id_))["status"] == "pending"
    till.stand_in.forget_scripts()
    till.stand_in.let_go()
    await till.run(days=1)
    await till.agree()
    assert await till.states(id_) == [(1, 1, "succeeded")]


async def test_C6_what_was_declined_behind_a_cut_line_takes_the_way_of_any_decline(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.bank(decline("insufficient_funds"))
    till.stand_in.trouble("cut_after", on="payment_intents.confirm")
    await till.look()
    assert await till.states(id_) == [(1, 1, "unknown")]
    till.set(till.now + 60)
    await till.look()
    assert await till.states(id_) == [(1, 1, "declined")]
    found = await till.found(id_)
    assert (found["tries"], found["due_at"].timestamp() - till.now) == (1, DAY)
    await till.run(days=1)
    assert await till.states(id_) == [(1, 1, "declined"), (1, 2, "succeeded")]
    await till.webhooks()
    await till.agree()


async def test_C3_two_more_attempts_follow_then_it_has_failed_for_good(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds")
    await till.run(days=60)
    await till.webhooks()
    await till.agree()
    found = await till.found(id_)
    assert (found["status"], found["failure_code"], found["failure_reason"]) == (
        "failed", "insufficient_funds", "insufficient funds",
    )  # fmt: skip
    tried = await till.attempts(id_)
    assert [attempt["state"] for attempt in tried] == ["declined"] * 3
    times = [round((attempt["created_at"] - tried[0]["created_at"]).total_seconds()) for attempt in tried]
    assert times == [0, DAY, 4 * DAY]
    [order] = await till.shop.rows("SELECT * FROM orders")
    assert order["payment_status"] == "failed"
    keys = await till.shop.rows("SELECT count(DISTINCT payment_intent_id) AS n FROM charge_attempts")
    assert keys[0]["n"] == 3


@pytest.mark.parametrize("code", ["lost_card", "expired_card"])
async def test_C3_a_hard_decline_fails_at_once(till: Till, code: str) -> None:
    id_ = await till.plan()
    till.stand_in.bank(decline(code))
    await till.run(days=60)
    await till.agree()
    assert (await till.found(id_))["status"] == "failed"
    assert await till.states(id_) == [(1, 1, "declined")]


async def test_C3_a_bank_that_wants_the_customer_fails_at_once(till: Till) -> None:
    id_ = await till.plan("pm_card_authenticationRequired")
    await till.run(days=60)
    await till.agree()
    assert (await till.found(id_))["failure_code"] == "authentication_required"


async def test_C3_a_new_payment_method_is_tried_at_once(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds")
    await till.run()
    customer = (await till.found(id_))["stripe_customer_id"]
    method = till.stand_in.save_card(customer)
    await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)
    await till.run()
    await till.agree()
    kinds = [(attempt["kind"], attempt["state"]) for attempt in await till.attempts(id_)]
    assert kinds == [("scheduled", "declined"), ("method", "succeeded")]
    assert (await till.found(id_))["status"] == "active"


async def test_C3_tries_by_hand_use_up_none_of_the_retries(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds")
    await till.run()
    for _ in range(4):
        await recurring.charge(till.ctx, till.admin, id_, None)
        await till.run()
    found = await till.found(id_)
    assert (found["status"], found["tries"]) == ("pending", 1)
    await till.run(days=10)
    assert [row["kind"] for row in await till.attempts(id_)].count("scheduled") == 3
    assert (await till.found(id_))["status"] == "failed"


async def test_C3_what_stripe_refuses_to_try_is_asked_again_and_no_failed_try(till: Till) -> None:
    id_ = await till.plan(stripe_payment_method_id="pm_gone")
    await till.run()
    found = await till.found(id_)
    assert (found["status"], found["tries"], found["refusals"]) == ("pending", 0, 1)
    assert found["failure_reason"].startswith("Stripe refused to try: ")
    method = till.stand_in.save_card(found["stripe_customer_id"])
    await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)
    await till.run()
    await till.agree()
    assert await till.states(id_) == [(1, 1, "abandoned"), (1, 2, "succeeded")]


async def test_C4_a_charge_that_fell_due_while_paused_is_made_on_activation_once(till: Till) -> None:
    till.set(till.at("2026-01-31 09:00"))
    id_ = await till.plan()
    await till.run(days=1)
    await recurring.pause(till.ctx, till.admin, id_, None)
    await till.run(days=100)
    assert len(till.stand_in.made) == 1
    await recurring.activate(till.ctx, till.admin, id_, None)
    till.set(till.now + 600)
    await till.run()
    assert len(till.stand_in.made) == 2, "three dates were missed, one charge is made"
    assert (await till.found(id_))["next_payment_at"].strftime("%Y-%m-%d %H:%M") == "2026-05-31 09:00"
    await till.run(days=25)
    assert await till.states(id_) == [(1, 1, "succeeded"), (4, 1, "succeeded"), (5, 1, "succeeded")]
    await till.agree()


async def test_C4_a_pause_while_the_charge_is_under_way_takes_effect_after_it(till: Till) -> None:
    id_ = await till.plan()
    await till.run()
    till.set(till.now + 31 * DAY)
    till.stand_in.trouble("cut_after", on="payment_intents.confirm")
    await till.look()
    assert (await till.found(id_))["status"] == "processing"
    await recurring.pause(till.ctx, till.admin, id_, None)
    found = await till.found(id_)
    assert (found["status"], found["after_outcome"]) == ("processing", "paused")
    await till.run(days=1)
    assert ((await till.found(id_))["status"], len(till.stand_in.made)) == ("paused", 2)
    await till.run(days=60)
    assert len(till.stand_in.made) == 2
    await till.agree()


@pytest.mark.parametrize("verb", ["pause", "complete"])
async def test_C4_what_is_taken_back_before_it_was_sent_is_never_charged(till: Till, verb: str) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("hang_after", on="payment_intents.create")
    charging = asyncio.create_task(till.look())
    while not any(request.operation == "payment_intents.create" for request in till.stand_in.requests):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await (recurring.pause if verb == "pause" else recurring.complete)(till.ctx, till.admin, id_, None)
    till.stand_in.let_go()
    await charging
    await till.run(days=100)
    assert till.stand_in.made == []
    assert await till.states(id_) == [(1, 1, "abandoned")]
    assert (await till.found(id_))["status"] == ("paused" if verb == "pause" else "completed")
    await till.agree()


async def test_C4_completing_early_with_an_armed_attempt_revokes_it(till: Till) -> None:
    id_ = await till.plan()
    await recurring.charge(till.ctx, till.admin, id_, None)
    await recurring.complete(till.ctx, till.admin, id_, None)
    await till.run(days=100)
    assert till.stand_in.made == []
    assert await till.states(id_) == [(1, 1, "abandoned")]
    await till.agree()


async def test_C6_two_workers_at_once_charge_once(till: Till) -> None:
    ids = [await till.plan() for _ in range(5)]
    others = [Charger(till.ctx, till.stripe) for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(charger.charge(till.shop.account_id, ids) for charger in (*others, till.charger)))
    await till.run()
    assert len(till.stand_in.made) == len(ids)
    await till.agree()


class Killed(BaseException):
    """The worker died here."""


POINTS = ("_claim", "_made", "sending", "_confirm", "record", "_fold")


def place_of(charger: Charger, point: str) -> Any:
    """Where a step of charging is."""
    return charger if hasattr(charger, point) else charger.claims


@pytest.mark.parametrize("answer", ["approve", "decline"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("point", POINTS)
async def test_C6_killed_at_any_point_the_cycle_is_charged_once(
    till: Till, monkeypatch: pytest.MonkeyPatch, point: str, before: bool, answer: str
) -> None:
    id_ = await till.plan()
    if answer == "decline":
        till.stand_in.bank(decline("insufficient_funds"))
    dying = Charger(till.ctx, till.stripe)
    whole = getattr(place_of(dying, point), point)

    async def killed(*given: Any, **more: Any) -> Any:
        if not before:
            await whole(*given, **more)
        raise Killed

    monkeypatch.setattr(place_of(dying, point), point, killed)
    with pytest.raises(Killed):
        await till.look(dying)
    await till.run(days=2)
    await till.webhooks()
    await till.agree()
    assert len(till.stand_in.made) == 1
    assert (await till.found(id_))["payments_made"] == 1


async def test_C6_a_worker_that_was_frozen_writes_nothing_any_more(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("hang_after", on="payment_intents.confirm")
    slow = asyncio.create_task(till.look(Charger(till.ctx, till.stripe)))
    while not till.stand_in.made:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    till.set(till.now + 600)
    await till.look()
    before = (await till.found(id_), await till.attempts(id_))
    assert before[1][0]["state"] == "succeeded"
    till.stand_in.let_go()
    await slow
    assert (await till.found(id_), await till.attempts(id_)) == before
    await till.agree()


async def test_C6_no_key_is_sent_again_after_twenty_hours_and_what_was_made_is_found(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("cut_after", on="payment_intents.create")
    await till.look()
    till.set(till.now + 30 * HOUR)  # the stand-in has forgotten the key by now
    await till.run()
    assert len([event for event in till.stand_in.events if event["type"] == "payment_intent.created"]) == 1
    assert await till.states(id_) == [(1, 1, "succeeded")]
    await till.agree()


async def test_C6_a_confirm_that_never_arrived_is_sent_again_under_a_new_key_after_a_day(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("cut_before", on="payment_intents.confirm")
    await till.look()
    till.set(till.now + 30 * HOUR)
    await till.run()
    keys = [
        request.idempotency_key for request in till.stand_in.requests if request.operation == "payment_intents.confirm"
    ]
    assert len(keys) == len(set(keys)) == 2
    assert await till.states(id_) == [(1, 1, "succeeded")]
    await till.agree()


async def test_C6_a_payment_that_takes_days_is_processing_until_stripe_says_more(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.bank(Answer(kind="process"))
    await till.run(days=3)
    assert await till.states(id_) == [(1, 1, "sent")]
    [attempt] = await till.attempts(id_)
    till.stand_in.settle(attempt["payment_intent_id"])
    await till.webhooks()
    assert await till.states(id_) == [(1, 1, "succeeded")]
    await till.agree()


async def test_C6_doubled_late_and_reordered_webhooks_settle_nothing_twice(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds", total_payments=2)
    await till.run()
    customer = (await till.found(id_))["stripe_customer_id"]
    method = till.stand_in.save_card(customer)
    await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)
    await till.run(days=40)
    for event in [*reversed(till.stand_in.events), *till.stand_in.events]:
        await till.shop.deliver("stripe", event)
    found = await till.found(id_)
    assert (found["status"], found["payments_made"]) == ("completed", 2)
    await till.agree()


async def paid_by_hand(till: Till, intent_id: str) -> None:
    """Somebody takes the money for an intent that was declined, in Stripe's dashboard."""
    customer = till.stand_in.find(intent_id)["customer"]
    given = {"payment_method": till.stand_in.save_card(customer)}
    await till.stripe.confirm_payment_intent(intent_id, given, key=f"dashboard-{intent_id}")
    await till.webhooks()


async def test_C6_money_that_came_after_a_decline_counts_and_no_further_try_is_made(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds")
    await till.run()
    [attempt] = await till.attempts(id_)
    await paid_by_hand(till, attempt["payment_intent_id"])
    assert await till.states(id_) == [(1, 1, "succeeded")]
    await till.run(days=5)
    assert len(till.stand_in.made) == 1
    await till.agree()


async def test_C6_a_try_that_is_out_when_its_cycle_is_paid_otherwise_is_called_back(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds", total_payments=2)
    await till.run()
    till.set(till.now + DAY)
    till.stand_in.trouble("cut_before", on="payment_intents.confirm")
    await till.look()
    first, second = await till.attempts(id_)
    assert (first["state"], second["state"]) == ("declined", "unknown")
    await paid_by_hand(till, first["payment_intent_id"])
    found = await till.found(id_)
    assert (found["status"], found["attempt_id"], found["payments_made"]) == ("active", None, 1)
    method = till.stand_in.save_card(found["stripe_customer_id"])
    await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)
    await till.run(days=3)
    assert await till.states(id_) == [(1, 1, "succeeded"), (1, 2, "declined")]
    assert till.stand_in.find(second["payment_intent_id"])["status"] == "canceled"
    await till.run(days=40)
    assert (await till.found(id_))["status"] == "completed"
    await till.agree()


async def test_C6_what_cannot_be_armed_stands_in_nobodys_way(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = await till.plan(), await till.plan()
    real = claim.arm

    async def arm(connection: Any, account: Any, found: Any, *more: Any) -> Any:
        if found.id == broken:
            raise ValueError("it cannot be armed")
        return await real(connection, account, found, *more)

    monkeypatch.setattr(claim, "arm", arm)
    with pytest.raises(ValueError, match="cannot be armed"):
        await till.charger.charge(till.shop.account_id, [broken])
    assert await till.look() == 1
    assert await till.states(sound) == [(1, 1, "succeeded")]
    monkeypatch.undo()
    till.set(till.now + claim.BROKEN_S)
    await till.look()
    assert await till.states(broken) == [(1, 1, "succeeded")]
    await till.agree()


async def voided(till: Till, order_id: str) -> None:
    await orders.patch(till.ctx, till.admin, order_id, {"status": "void"}, None)


async def test_T2_a_cycle_whose_order_was_voided_is_skipped(till: Till) -> None:
    id_ = await till.plan("pm_card_chargeDeclinedInsufficientFunds")
    await till.run()
    found = await till.found(id_)
    await voided(till, found["order_id"])
    with pytest.raises(Refused, match="voided"):
        await recurring.charge(till.ctx, till.admin, id_, None)
    method = till.stand_in.save_card(found["stripe_customer_id"])
    await till.run(days=10)
    found = await till.found(id_)
    assert (found["status"], found["cycle"], found["order_id"], found["tries"]) == ("pending", 1, None, 0)
    await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)
    await till.run(days=25)
    assert await till.states(id_) == [(1, 1, "declined"), (2, 1, "succeeded")]
    await till.agree()


async def test_T2_an_order_that_is_voided_before_its_charge_is_sent_is_not_charged(till: Till) -> None:
    id_ = await till.plan()
    await recurring.charge(till.ctx, till.admin, id_, None)
    await voided(till, (await till.found(id_))["order_id"])
    await till.run(days=20)
    assert till.stand_in.made == []
    assert await till.states(id_) == [(1, 1, "abandoned")]
    await till.agree()


async def test_P5_a_refund_of_a_cycle_reaches_its_order(till: Till) -> None:
    await till.plan()
    await till.run()
    [made] = till.stand_in.made
    await till.stripe.create_refund({"payment_intent": made.payment_intent}, key="refund")
    await till.webhooks()
    [order] = await till.shop.rows("SELECT * FROM orders")
    assert (order["payment_status"], order["amount_refunded"]) == ("refunded", 9900)


async def test_N5_while_charging_is_stopped_nothing_is_charged_and_outcomes_are_still_found_out(till: Till) -> None:
    unknown = await till.plan()
    till.stand_in.trouble("cut_after", on="payment_intents.confirm")
    await till.look()
    waiting = await till.plan()
    await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": True})
    await till.run(days=40)
    assert await till.states(unknown) == [(1, 1, "succeeded")]
    assert await till.states(waiting) == []
    assert len(till.stand_in.made) == 1
    await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": False})
    await till.run()
    assert len(till.stand_in.made) == 3, "the first of one, the second cycle of the other"
    await till.agree()


async def test_N5_what_never_reached_stripe_is_not_sent_again_while_charging_is_stopped(till: Till) -> None:
    id_ = await till.plan()
    till.stand_in.trouble("cut_before", on="payment_intents.confirm")
    await till.look()
    await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": True})
    await till.run(days=3)
    assert (till.stand_in.made, await till.states(id_)) == ([], [(1, 1, "unknown")])
    await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": False})
    await till.run(days=1)
    assert len(till.stand_in.made) == 1
    await till.agree()


async def test_O13_what_is_held_is_charged_once_a_person_releases_it(till: Till) -> None:
    id_ = await till.plan()
    account = till.shop.account_id
    now = till.ctx.clock()
    await accounts.change(till.ctx.pool, account, {"registry_enabled": False})
    await till.run(days=1)
    assert till.stand_in.made == []
    await till.shop.ctx.pool.execute("UPDATE recurring_orders SET due_at = to_timestamp($1)", now)
    await accounts.change(till.ctx.pool, account, {"registry_enabled": True})
    await till.run(days=1)
    assert till.stand_in.made == []
    await recurring.release(till.ctx, till.admin, id_, None)
    await till.run()
    assert len(till.stand_in.made) == 1
    await till.agree()


async def test_C8_stripes_own_subscriptions_stand_beside_them_and_are_never_charged(till: Till) -> None:
    event = {
        "id": "evt_1", "object": "event", "type": "customer.subscription.created", "created": int(till.now),
        "livemode": False, "data": {"object": {
            "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "currency": "eur",
            "start_date": int(till.now), "current_period_end": int(till.now) + DAY, "cancel_at_period_end": False,
            "items": {"data": [{"quantity": 2, "price": {
                "unit_amount": 500, "currency": "eur", "nickname": "Beans", "recurring": {
                    "interval": "year", "interval_count": 1}}}]},
        }},
    }  # fmt: skip
    await till.shop.deliver("stripe", event)
    [row] = await till.shop.rows("SELECT * FROM recurring_orders")
    assert (row["managed_by"], row["status"], row["title"], row["amount"], row["number"]) == (
        "stripe", "active", "Beans", 1000, 1,
    )  # fmt: skip
    assert row["interval"] == {"unit": "month", "count": 12}
    await till.run(days=10)
    for verb in (recurring.pause, recurring.activate, recurring.complete, recurring.charge):
        with pytest.raises(Refused, match="Stripe manages"):
            await verb(till.ctx, till.admin, row["id"], None)
    assert till.stand_in.requests == []
    gone = {**event, "id": "evt_2", "type": "customer.subscription.deleted", "created": int(till.now) + 5}
    gone["data"]["object"]["status"] = "canceled"
    await till.shop.deliver("stripe", gone)
    assert (await till.found(row["id"]))["status"] == "completed"


async def test_C8_the_customer_of_a_subscription_is_known_by_its_first_order_which_is_listed_with_it(
    till: Till,
) -> None:
    subscription = edited(
        payload("stripe", "customer_subscription_created__2020-08-27.json"), data__object__customer="cus_9"
    )
    name = msgspec.json.decode(subscription)["data"]["object"]["id"]
    await till.shop.deliver("stripe", subscription)
    [row] = await till.shop.rows("SELECT id, contact_id FROM recurring_orders")
    assert row["contact_id"] is None
    invoice = edited(
        payload("stripe", "invoice_paid__2020-08-27.json"),
        data__object__subscription=name, data__object__customer="cus_9",
    )  # fmt: skip
    await till.shop.deliver("stripe", invoice)
    [order] = await till.shop.rows("SELECT contact_id, recurring_order_id FROM orders")
    assert order["recurring_order_id"] == row["id"]
    assert (await till.found(row["id"]))["contact_id"] == order["contact_id"]


async def test_C3_a_key_that_stripe_does_not_take_fails_nothing_and_is_tried_again_soon(till: Till) -> None:
    id_ = await till.plan()
    async with Stripe("sk_test_", till.stand_in.url, connect_s=2, total_s=2) as stranger:
        await till.look(Charger(till.ctx, stranger))
    found = await till.found(id_)
    assert (found["status"], found["tries"], found["failure_code"]) == ("pending", 0, "authentication")
    till.set(till.now + charge.KEY_S)
    await till.look()
    assert await till.states(id_) == [(1, 1, "abandoned"), (1, 2, "succeeded")]
    await till.agree()


async def test_R7_what_is_live_is_never_asked_of_a_test_stripe_and_waits_for_its_own_key(till: Till) -> None:
    own = till.ctx.settings.stripe_api_key
    object.__setattr__(till.ctx.settings, "stripe_api_key", SecretStr("sk_live_x"))
    id_ = await till.plan()
    object.__setattr__(till.ctx.settings, "stripe_api_key", own)
    asked = len(till.stand_in.requests)
    await till.look()
    assert (await till.states(id_), len(till.stand_in.requests)) == ([], asked)
    assert await till.look() == 0, "it stands in nobody's way meanwhile"
    object.__setattr__(till.ctx.settings, "stripe_api_key", SecretStr("sk_live_x"))
    till.set(till.now + charge.KEY_S)
    await till.look()
    assert await till.states(id_) == [(1, 1, "succeeded")]


TROUBLES = (
    "cut_before",
    "cut_after",
    "cut_body",
    "gateway",
    "error_before",
    "error_after",
    "rate_limit",
    "lock_timeout",
)
CALLS = ("payment_intents.create", "payment_intents.confirm", "payment_intents.retrieve")


@pytest.mark.parametrize("seed", range(4))
async def test_C6_whatever_happens_in_whatever_order_each_cycle_is_charged_once(
    till: Till, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    ids = [await till.plan(total_payments=chance.choice([None, 4, 9])) for _ in range(8)]

    async def verb() -> None:
        act = chance.choice([recurring.pause, recurring.activate, recurring.activate, recurring.charge])
        with contextlib.suppress(Refused):
            await act(till.ctx, till.admin, chance.choice(ids), None)

    async def new_card() -> None:
        id_ = chance.choice(ids)
        method = till.stand_in.save_card((await till.found(id_))["stripe_customer_id"])
        with contextlib.suppress(Refused):
            await recurring.change(till.ctx, till.admin, id_, {"stripe_payment_method_id": method}, None)

    async def killed() -> None:
        dying, point = Charger(till.ctx, till.stripe), chance.choice(POINTS)
        place, before = place_of(dying, point), chance.random() < 0.5
        whole = getattr(place, point)

        async def die(*given: Any, **more: Any) -> Any:
            if not before:
                await whole(*given, **more)
            raise Killed

        monkeypatch.setattr(place, point, die)
        with contextlib.suppress(Killed):
            await till.look(dying)

    async def old_webhooks() -> None:
        events = till.stand_in.events
        for event in chance.sample(events, min(5, len(events))):
            await till.shop.deliver("stripe", event)

    async def switch() -> None:
        await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": chance.random() < 0.3})

    for _ in range(60):
        if chance.random() < 0.5:
            till.stand_in.trouble(chance.choice(TROUBLES), on=chance.choice(CALLS), times=chance.choice([1, 1, 3]))
        if chance.random() < 0.2:
            code = chance.choice(["insufficient_funds"] * 5 + ["lost_card"])
            till.stand_in.bank(decline(code), customer=(await till.found(chance.choice(ids)))["stripe_customer_id"])
        step = chance.choice(
            [verb, new_card, killed, killed, killed, old_webhooks, till.look, till.look, till.look, till.look, switch]
        )
        await step()
        till.set(till.now + chance.choice([0, 1, 60, HOUR, 7 * HOUR, DAY, 2 * DAY, 12 * DAY]))
    till.stand_in.forget_scripts()
    await accounts.change(till.ctx.pool, till.shop.account_id, {"charging_stopped": False})
    await till.run(days=3)
    await till.webhooks()
    await till.agree()
    rows = await till.shop.rows("SELECT state FROM charge_attempts WHERE settled_at IS NULL")
    assert rows == [], "an outcome was never found out"
    assert len(till.stand_in.made) > len(ids)
