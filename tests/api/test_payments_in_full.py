"""What the money did, told by Stripe as it happens there (P3, P4, P5, O5): scripted, and read over the API."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.test_checkouts import THANKS, Shop
from tests.api.test_checkouts import shop as shop  # noqa: PLC0414  (a fixture)
from tests.stripe import KEY
from tests.world import NOW
from worker.local.stripe.cards import decline
from worker.local.stripe.delivery import body_of
from worker.outside.outcome import Succeeded
from worker.outside.stripe import Stripe
from worker.upkeep import fees, overdue

DAY = 86_400


async def paid(shop: Shop, amount: int = 10_000) -> tuple[dict[str, Any], str]:
    """A checkout that is paid: it, and its payment intent."""
    made = await shop.open(items=None, amount=amount)
    shop.stand_in.pay(made["session_id"])
    return made, str(shop.stand_in.find(made["session_id"])["payment_intent"])


async def refund(shop: Shop, intent: str, amount: int, key: str) -> str:
    async with Stripe(KEY, shop.stand_in.url) as stripe:
        found = await stripe.create_refund({"payment_intent": intent, "amount": amount}, key=key)
    assert isinstance(found, Succeeded), found
    return str(found.object["id"])


async def state(shop: Shop, made: dict[str, Any]) -> tuple[Any, ...]:
    order = await shop.get(f"/orders/{made['order_id']}")
    return order["payment_status"], order["amount_paid"], order["amount_refunded"], order["sales_status"]


async def told_in(shop: Shop, seed: int) -> None:
    """Every webhook twice, in an order of its own."""
    events = [event for event in shop.stand_in.events for _ in range(2)]
    random.Random(seed).shuffle(events)
    for event in events:
        await shop.shop.deliver("stripe", body_of(event))


@pytest.mark.parametrize("seed", range(3))
async def test_P5_refunds_in_parts_change_the_state_exactly_once(shop: Shop, seed: int) -> None:
    made, intent = await paid(shop)
    await refund(shop, intent, 3_000, "a")
    await told_in(shop, seed)
    assert await state(shop, made) == ("paid", 10_000, 3_000, "completed")
    await refund(shop, intent, 7_000, "b")
    await told_in(shop, seed)
    assert await state(shop, made) == ("refunded", 10_000, 10_000, "refund")
    [payment] = (await shop.get(f"/payments?order_id={made['order_id']}"))["items"]
    detail = await shop.get(f"/payments/{payment['id']}")
    assert (detail["refunded"], sorted(found["amount"] for found in detail["refunds"])) == (10_000, [3_000, 7_000])


async def test_P5_a_refund_that_fails_after_all_is_none(shop: Shop) -> None:
    made, intent = await paid(shop)
    back = await refund(shop, intent, 10_000, "a")
    await shop.hear()
    assert (await state(shop, made))[0] == "refunded"
    shop.stand_in.settle_refund(back, succeeds=False)
    await shop.hear()
    assert await state(shop, made) == ("paid", 10_000, 0, "completed")


@pytest.mark.parametrize("won", [True, False], ids=["won", "lost"])
async def test_P5_a_dispute_changes_the_state_only_once_it_is_lost(shop: Shop, won: bool) -> None:
    made, intent = await paid(shop)
    dispute = shop.stand_in.dispute(intent)
    await told_in(shop, 1)
    assert await state(shop, made) == ("paid", 10_000, 0, "completed")
    [payment] = (await shop.get(f"/payments?order_id={made['order_id']}"))["items"]
    assert payment["dispute"] == "needs_response"
    shop.stand_in.close_dispute(dispute["id"], won=won)
    await told_in(shop, 2)
    assert await state(shop, made) == (
        ("paid", 10_000, 0, "completed") if won else ("refunded", 10_000, 10_000, "refund")
    )
    detail = await shop.get(f"/payments/{payment['id']}")
    assert (detail["dispute"], detail["disputes"][0]["status"]) == ("won" if won else "lost", "won" if won else "lost")


async def test_P3_each_payment_says_who_took_it_and_how_it_ended(shop: Shop) -> None:
    made = await shop.open(items=None, amount=10_000)
    shop.stand_in.bank(decline("insufficient_funds"))
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    [failed] = (await shop.get("/payments"))["items"]
    expected = {
        "number": 1, "order_id": made["order_id"], "status": "failed", "amount": 10_000, "currency": "BRL", "counted": 0,
        "percent": "0.00", "system": "stripe", "merchant": "stripe", "method": "card", "one_click": False,
        "failure_code": "insufficient_funds", "failure_reason": "insufficient funds", "comment": None, "paid_at": None,
        "refunded": 0, "dispute": None, "flag": None,
    }  # fmt: skip
    assert {name: failed[name] for name in expected} == expected
    assert failed["attempted_at"] == "2026-09-21T14:13:20Z"
    assert (await shop.get(f"/payments/{failed['id']}"))["failure"] == "The payment failed: insufficient funds."
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    [good] = (await shop.get("/payments"))["items"]
    assert (good["id"], good["number"], good["status"], good["percent"]) == (failed["id"], 1, "succeeded", "100.00")
    assert (good["failure_code"], good["failure_reason"], good["paid_at"]) == (None, None, "2026-09-21T14:13:20Z")


async def test_P3_a_payment_that_daybook_made_without_the_customer_is_one_click(shop: Shop) -> None:
    customer, card = shop.stand_in.customer()
    order = await shop.order(await shop.contact(), currency="BRL")
    async with Stripe(KEY, shop.stand_in.url) as stripe:
        await stripe.create_payment_intent(
            {
                "amount": 2000, "currency": "brl", "customer": customer, "payment_method": card, "confirm": True,
                "off_session": True, "metadata": {"order_id": order["id"], "daybook_attempt": "1"},
            },
            key="c",
        )  # fmt: skip
    await shop.hear()
    [payment] = (await shop.get(f"/payments?order_id={order['id']}"))["items"]
    assert (payment["one_click"], payment["status"]) == (True, "succeeded")


async def test_P4_a_partly_paid_order_is_confirmed_or_declined_by_who_may(shop: Shop) -> None:
    order = await shop.order(await shop.contact(), currency="BRL")
    part = await shop.post("/checkouts", {"order_id": order["id"], "amount": 500, **THANKS})
    shop.stand_in.pay(part["session_id"])
    await shop.hear()
    may, may_not = await shop.token("rep", Permission.SALES_CONFIRM), await shop.token("rep", Permission.CRM_MANAGE)
    refused = await shop.ask("POST", f"/orders/{order['id']}/confirm", token=may_not)
    assert (refused.status, refused.json["permission"]) == (403, "sales.confirm")
    for verb, label in (("confirm", "completed"), ("decline", "declined"), ("confirm", "completed")):
        found = await shop.post(f"/orders/{order['id']}/{verb}", {}, 200, token=may)
        assert (found["sales_status"], found["payment_status"]) == (label, "partially_paid")
        assert (found["summary"]["paid"], found["summary"]["remaining"]) == (500, 1500)
    rest = await shop.post("/checkouts", {"order_id": order["id"], **THANKS})
    shop.stand_in.pay(rest["session_id"])
    await shop.hear()
    found = await shop.get(f"/orders/{order['id']}")
    assert (found["payment_status"], found["sales_status"], found["payment_type"]) == ("paid", "completed", "partial")
    late = await shop.ask("POST", f"/orders/{order['id']}/decline", token=may)
    assert (late.status, late.json["code"]) == (409, "not_partly_paid")


async def look(shop: Shop, at: float) -> int:
    """Upkeep looks for what is overdue at a time."""
    return await overdue.tick(dataclasses.replace(shop.shop.ctx, clock=lambda: at))


async def test_O5_overdue_comes_by_itself_and_goes_once_it_is_paid_or_put_off(shop: Shop) -> None:
    due = "2026-09-22T00:00:00Z"
    made = await shop.open(items=None, amount=10_000, due_at=due)
    await shop.post("/subscribers", {"url": "https://8.8.8.8/hooks"})
    assert (await state(shop, made))[0] == "pending"
    assert await look(shop, NOW) == 0
    assert await look(shop, NOW + DAY) == 1
    assert await state(shop, made) == ("overdue", 0, 0, "open")
    assert await look(shop, NOW + DAY) == 0
    put_off = await shop.ask("PATCH", f"/orders/{made['order_id']}", json={"due_at": "2026-10-22T00:00:00Z"})
    assert put_off.json["payment_status"] == "pending"
    assert await look(shop, NOW + DAY) == 0
    assert await look(shop, NOW + 40 * DAY) == 1
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    assert await state(shop, made) == ("paid", 10_000, 0, "completed")
    assert await look(shop, NOW + 41 * DAY) == 0
    told = await shop.shop.rows("SELECT type FROM feed_events ORDER BY sequence")
    assert [row["type"] for row in told if row["type"] in ("order.overdue", "order.paid")] == [
        "order.overdue", "order.overdue", "order.paid",
    ]  # fmt: skip


async def test_O5_what_is_paid_in_part_is_overdue_too(shop: Shop) -> None:
    order = await shop.order(await shop.contact(), currency="BRL", due_at="2026-09-22T00:00:00Z")
    part = await shop.post("/checkouts", {"order_id": order["id"], "amount": 500, **THANKS})
    shop.stand_in.pay(part["session_id"])
    await shop.hear()
    made = {"order_id": order["id"]}
    assert await state(shop, made) == ("partially_paid", 500, 0, "open")
    assert await look(shop, NOW + DAY) == 1
    assert await state(shop, made) == ("overdue", 500, 0, "open")
    told = (await shop.get(f"/orders/{order['id']}/explain"))["rule"]
    assert told == "due and unpaid; what was received does not cover the amount"


async def learn(shop: Shop, later_s: float = 60) -> int:
    """Upkeep asks what payments cost, a minute after their webhooks came."""
    return await fees.tick(dataclasses.replace(shop.shop.ctx, clock=lambda: NOW + later_s))


async def test_P3_what_a_payment_cost_is_asked_for_and_shown(shop: Shop) -> None:
    await shop.shop.ctx.pool.execute("UPDATE connections SET created_at = to_timestamp($1)", NOW - DAY)
    made, intent = await paid(shop)
    await shop.hear()
    [payment] = (await shop.get("/payments"))["items"]
    assert (payment["fee"], payment["net"]) == (None, None)
    assert await learn(shop, 10) == 0  # its webhooks are too young
    assert await learn(shop) == 1
    [payment] = (await shop.get("/payments"))["items"]
    assert (payment["fee"], payment["net"]) == (320, 9_680)
    [balance] = shop.stand_in.books.tables["balance_transaction"].values()
    assert (balance["fee"], balance["net"]) == (payment["fee"], payment["net"])
    assert (await state(shop, made))[:2] == ("paid", 10_000)
    await refund(shop, intent, 3_000, "a")
    await told_in(shop, 4)
    assert await learn(shop, 120) == 0  # it is known
    asked = [one for one in shop.stand_in.requests if one.operation == "balance_transactions.retrieve"]
    assert len(asked) == 1
    [payment] = (await shop.get("/payments"))["items"]
    assert (payment["fee"], payment["refunded"]) == (320, 3_000)


async def test_P3_what_stripe_does_not_say_now_is_asked_for_later(shop: Shop) -> None:
    await shop.shop.ctx.pool.execute("UPDATE connections SET created_at = to_timestamp($1)", NOW - DAY)
    await paid(shop)
    await paid(shop, 500)
    await shop.hear()
    shop.stand_in.trouble("rate_limit", on="balance_transactions.retrieve", times=20)
    assert await learn(shop) == 0
    shop.stand_in.forget_scripts()
    assert await learn(shop, 80) == 2
    assert [payment["fee"] for payment in (await shop.get("/payments"))["items"]] == [44, 320]


async def test_P3_a_payment_without_an_order_says_what_it_cost_too(shop: Shop) -> None:
    await shop.shop.ctx.pool.execute("UPDATE connections SET created_at = to_timestamp($1)", NOW - DAY)
    async with Stripe(KEY, shop.stand_in.url) as stripe:
        await stripe.create_payment_intent(
            {"amount": 2000, "currency": "brl", "payment_method": "pm_card_visa", "confirm": True,
             "return_url": "https://shop.example"},
            key="c",
        )  # fmt: skip
    await shop.hear()
    assert await learn(shop) == 1
    [payment] = (await shop.get("/payments?unclaimed=true"))["items"]
    assert (payment["fee"], payment["net"], payment["order_id"]) == (88, 1912, None)
