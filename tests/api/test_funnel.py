"""The checkout funnel over the API (P7): it agrees with the orders."""

from __future__ import annotations

from typing import Any

from tests.api.test_checkouts import THANKS, Shop
from tests.api.test_checkouts import shop as shop  # noqa: PLC0414  (a fixture)
from tests.stripe import KEY
from worker.local.stripe.cards import decline
from worker.outside.stripe import Stripe
from worker.store.checks import broken

ASK = "/reports/checkouts?include_test=true"


async def sessions(shop: Shop) -> None:
    """Seven checkouts of 100.00 BRL each, one of each kind, and one in euros."""
    made = [(await shop.open(items=None, amount=10_000))["session_id"] for _ in range(7)]
    stripe = shop.stand_in
    _, paid, refused_then_paid, declined, blocked, left, returned = made
    stripe.pay(paid)
    stripe.bank(decline("insufficient_funds"))
    stripe.pay(refused_then_paid)
    stripe.pay(refused_then_paid)
    for session, code in ((declined, "insufficient_funds"), (blocked, "fraudulent")):
        stripe.bank(decline(code))
        stripe.pay(session)
        stripe.leave(session)
    stripe.leave(left)
    stripe.pay(returned)
    euro = await shop.open(items=None, amount=700, currency="EUR")
    stripe.pay(euro["session_id"])
    await shop.hear()


async def test_P7_each_checkout_is_counted_once_by_how_it_ended(shop: Shop) -> None:
    await sessions(shop)
    told = await shop.get(ASK)
    [real, euro] = told["totals"]
    assert real == {
        "currency": "BRL", "opened": 7, "reached_payment": 5, "paid": 3, "failed": 2, "abandoned": 1, "open": 1,
        "failures": [{"reason": "blocked as fraud", "orders": 1}, {"reason": "insufficient funds", "orders": 1}],
        "amount_opened": 70_000, "amount_paid": 30_000,
    }  # fmt: skip
    assert (euro["currency"], euro["opened"], euro["amount_paid"]) == ("EUR", 1, 700)
    assert [row["period"] for row in told["items"]] == ["2026-09-21", "2026-09-21"]
    assert [{name: value for name, value in row.items() if name != "period"} for row in told["items"]] == [real, euro]


async def test_P7_the_figures_agree_with_the_orders(shop: Shop) -> None:
    await sessions(shop)
    orders = [order for order in await shop.orders() if order["currency"] == "BRL"]
    [told] = (await shop.get(f"{ASK}&currency=BRL"))["totals"]
    assert told["opened"] == len(orders)
    assert told["amount_opened"] == sum(order["amount"] for order in orders)
    assert told["amount_paid"] == sum(order["amount_paid"] for order in orders)
    assert told["reached_payment"] == sum(bool(order["payments"]) for order in orders)
    assert told["paid"] == sum(order["is_paid"] for order in orders)
    assert told["opened"] == told["paid"] + told["failed"] + told["abandoned"] + told["open"]
    assert told["failed"] == sum(reason["orders"] for reason in told["failures"])
    assert await broken(shop.shop.ctx.pool) == {}


async def test_P7_a_refund_takes_nothing_from_it_and_a_part_is_open(shop: Shop) -> None:
    paid = await shop.open(items=None, amount=500)
    order = await shop.order(await shop.contact(), currency="BRL")
    part = await shop.post("/checkouts", {"order_id": order["id"], "amount": 500, **THANKS})
    shop.stand_in.pay(paid["session_id"])
    shop.stand_in.pay(part["session_id"])
    async with Stripe(KEY, shop.stand_in.url) as stripe:
        intent = shop.stand_in.find(paid["session_id"])["payment_intent"]
        await stripe.create_refund({"payment_intent": intent}, key="back")
    await shop.hear()
    assert (await shop.get(f"/orders/{paid['order_id']}"))["payment_status"] == "refunded"
    [told] = (await shop.get(ASK))["totals"]
    assert (told["opened"], told["paid"], told["open"], told["amount_paid"]) == (2, 1, 1, 1000)


async def test_P7_periods_begin_at_midnight_of_the_account(shop: Shop) -> None:
    await shop.open()  # at 11:33 UTC on 21 September
    for zone, by, period in (
        ("UTC", "day", "2026-09-21"), ("Pacific/Kiritimati", "day", "2026-09-22"), ("UTC", "week", "2026-09-21"),
        ("UTC", "month", "2026-09-01"),
    ):  # fmt: skip
        await shop.set(timezone=zone)
        told = await shop.get(f"{ASK}&by={by}&to=2026-10-01T00:00:00Z")
        assert ([row["period"] for row in told["items"]], told["timezone"]) == ([period], zone)
    assert (await shop.get(f"{ASK}&from=2026-09-22T00:00:00Z&to=2026-10-01T00:00:00Z"))["items"] == []


async def test_R7_what_is_test_is_left_out_unless_asked_for(shop: Shop) -> None:
    await shop.open()
    assert (await shop.get("/reports/checkouts"))["totals"] == []


async def test_O12_a_rep_counts_what_they_see(shop: Shop) -> None:
    rep = await shop.token("rep")
    [row] = await shop.shop.rows("SELECT id FROM tokens WHERE role = 'rep'")
    own = await shop.post("/contacts", {"name": "Ana", "owner_id": row["id"]})
    await shop.open(contact_id=own["id"])
    await shop.open()
    await shop.set(owner_privacy=True)
    seen: dict[str, Any] = await shop.get(ASK, token=rep)
    assert [total["opened"] for total in seen["totals"]] == [1]


async def test_P7_a_time_that_is_none_is_refused(shop: Shop) -> None:
    for query in ("from=2026-09-22T00:00:00Z&to=2026-09-21T00:00:00Z", "from=2000-01-01T00:00:00Z"):
        refused = await shop.ask("GET", f"{ASK}&{query}")
        assert (refused.status, refused.fields) == (422, ["from"])
