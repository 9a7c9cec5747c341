"""Checkouts over the API (P1): a session at Stripe and an order, both or neither."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from schemas.account import Permission
from tests.api.conftest import Api, Served, ids
from tests.stripe import KEY
from tests.world import NOW, edited, payload, world
from worker.actions import checkouts as actions
from worker.ids import new_id
from worker.local.stripe.cards import decline
from worker.local.stripe.delivery import body_of
from worker.local.stripe.objects import Object
from worker.local.stripe.stand_in import StandIn
from worker.serve import make_app
from worker.store import tokens
from worker.store.checks import broken
from worker.upkeep import checkouts as upkeep

THANKS = {"success_url": "https://shop.example/thanks"}
ITEMS = [
    {"name": "Coffee", "sku": "COF-1", "unit_price": 4990, "quantity": 2},
    {"name": "Tea", "unit_price": 1000, "quantity": "0.5", "tax_rate": "10", "discount": 100},
]
OPENING = "checkout.sessions.create"


class Shop(Api):
    """An account whose connection `stripe` has an API key of the stand-in."""

    stand_in: StandIn

    @property
    def sessions(self) -> list[Object]:
        """The sessions at Stripe, oldest first."""
        return list(self.stand_in.books.tables["checkout.session"].values())

    @property
    def tries(self) -> list[str | None]:
        """The idempotency keys under which a session was asked for."""
        return [asked.idempotency_key for asked in self.stand_in.requests if asked.operation == OPENING]

    async def hear(self) -> None:
        """Every webhook that Stripe has to send so far."""
        for event in self.stand_in.events:
            await self.shop.deliver("stripe", body_of(event))

    async def orders(self) -> list[dict[str, Any]]:
        return list((await self.get("/orders"))["items"])

    async def open(self, status: int = 201, **fields: Any) -> dict[str, Any]:
        contact_id = fields.pop("contact_id", None) or await self.contact(f"{new_id()}@example.com")
        body = {"contact_id": contact_id, "items": ITEMS, "currency": "BRL", **THANKS, **fields}
        found: dict[str, Any] = await self.post("/checkouts", body, status)
        return found

    async def later(self) -> int:
        """The pause before the next try has passed, and upkeep has looked."""
        await self.shop.ctx.pool.execute("UPDATE checkouts SET next_attempt_at = $1 WHERE state = 'opening'", _at(0))
        return await upkeep.tick(self.shop.ctx)

    async def grow_old(self, seconds: float) -> None:
        """The checkouts were asked for so long ago."""
        await self.shop.ctx.pool.execute(
            "UPDATE checkouts SET created_at = created_at - make_interval(secs => $1), "
            "expires_at = expires_at - make_interval(secs => $1)",
            seconds,
        )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(actions, "PAUSES_S", (0.0, 0.0))
    async with StandIn(clock=lambda: NOW, retries_s=()) as stand_in, world(database) as made:
        key = {"stripe_api_key": SecretStr(KEY), "stripe_api_base": stand_in.url}
        made.ctx = dataclasses.replace(made.ctx, settings=made.ctx.settings.model_copy(update=key))
        admin = await tokens.issue(made.ctx.pool, made.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(made.ctx))) as client:
            found = Shop(made, client, admin)
            found.stand_in = stand_in
            yield found
        assert await broken(made.ctx.pool) == {}


async def test_P1_a_checkout_makes_a_session_and_its_order_before_any_payment(shop: Shop) -> None:
    contact_id = await shop.contact("ana@example.com")
    made = await shop.open(contact_id=contact_id, title="Breakfast", notes="Ring twice")
    [session] = shop.sessions
    assert (made["status"], made["url"], made["session_id"]) == ("open", session["url"], session["id"])
    assert (made["amount"], made["currency"], made["problem"]) == (10420, "BRL", None)
    assert await shop.get(f"/checkouts/{made['id']}") == made
    order = await shop.get(f"/orders/{made['order_id']}")
    expected = {
        "number": 1, "title": "Breakfast", "notes": "Ring twice", "status": "new", "payment_status": "pending", "source": "payments",
        "managed_by": "stripe", "origin": "stripe", "external_id": session["id"], "amount": 10420, "livemode": False,
        "contact_id": contact_id, "amount_paid": 0, "payments": [],
    }  # fmt: skip
    assert {name: order[name] for name in expected} == expected
    assert order["stripe"]["checkout_session_id"] == session["id"]
    lines = [(item["name"], item["sku"], item["quantity"], item["tax"], item["total"]) for item in order["items"]]
    assert lines == [("Coffee", "COF-1", 2, 0, 9980), ("Tea", None, "0.5", 40, 440)]
    assert (session["amount_total"], session["customer_email"]) == (10420, "ana@example.com")
    assert session["client_reference_id"] == made["order_id"]
    sold = shop.stand_in.books.plans[session["id"]]["lines"]
    assert [(line["name"], line["unit_amount"], line["quantity"]) for line in sold] == [
        ("Coffee", 4990, 2), ("Tea (0.5)", 440, 1),
    ]  # fmt: skip


async def test_P1_those_that_were_not_opened_can_be_asked_for(shop: Shop) -> None:
    opened = await shop.open()
    shop.stand_in.trouble("cut_before", on=OPENING, times=9)
    waiting = await shop.open(status=202)
    assert [row["id"] for row in (await shop.get("/checkouts?opened=true"))["items"]] == [opened["id"]]
    assert [row["id"] for row in (await shop.get("/checkouts?opened=false"))["items"]] == [waiting["id"]]
    assert len((await shop.get("/checkouts"))["items"]) == 2
    shop.stand_in.forget_scripts()
    await shop.later()
    assert (await shop.get("/checkouts?opened=false"))["items"] == []


async def test_P1_its_webhooks_find_the_order_and_leave_its_lines(shop: Shop) -> None:
    made = await shop.open()
    before = await shop.get(f"/orders/{made['order_id']}")
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    [order] = await shop.orders()
    assert (order["id"], order["payment_status"], order["amount_paid"]) == (made["order_id"], "paid", 10420)
    assert (order["items"], order["title"], order["number"]) == (before["items"], before["title"], 1)
    assert [payment["status"] for payment in order["payments"]] == ["succeeded"]
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shown["url"]) == ("paid", None)
    assert {state for state, _ in (await shop.shop.states()).values()} <= {"applied", "ignored"}


async def test_P1_a_failed_try_is_on_the_order_though_no_session_event_names_it(shop: Shop) -> None:
    made = await shop.open()
    shop.stand_in.bank(decline("insufficient_funds"))
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    order = await shop.get(f"/orders/{made['order_id']}")
    assert [(row["status"], row["failure_reason"]) for row in order["payments"]] == [("failed", "insufficient funds")]
    assert order["payment_status"] == "pending"  # the session is open: the customer may try again
    shop.stand_in.leave(made["session_id"])
    await shop.hear()
    after = await shop.get(f"/orders/{made['order_id']}")
    assert (after["payment_status"], (await shop.get(f"/checkouts/{made['id']}"))["status"]) == ("canceled", "expired")


async def test_P1_more_than_the_goods_is_what_stripe_says_it_is(shop: Shop) -> None:
    made = await shop.open()
    shop.stand_in.pay(made["session_id"])
    body = next(body_of(event) for event in shop.stand_in.events if event["type"] == "checkout.session.completed")
    told = {"amount_discount": 420, "amount_shipping": 0, "amount_tax": 0}
    paths = {"data__object__amount_total": 10000, "data__object__total_details": told}
    await shop.shop.deliver("stripe", edited(body, **paths))
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["amount"], order["payment_status"]) == (10000, "paid")
    assert [item["name"] for item in order["items"]] == ["Coffee", "Tea"]
    assert [(charge["kind"], charge["amount"]) for charge in order["charges"]] == [("discount", -420)]


async def test_P1_an_offer_is_sold_by_its_price_and_quantity(shop: Shop) -> None:
    offer = await shop.post("/offers", {"name": "Course", "unit_price": 9900, "currency": "EUR", "several_units": True})
    made = await shop.open(items=None, currency=None, offer_id=offer["id"], quantity=3)
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["amount"], order["currency"], order["offer_id"]) == (29700, "EUR", offer["id"])


async def test_P1_stripes_own_unit_is_asked_for(shop: Shop) -> None:
    yen = await shop.open(items=None, amount=500, currency="JPY")
    shillings = await shop.open(items=None, amount=500, currency="UGX")
    assert [session["amount_total"] for session in shop.sessions] == [500, 50_000]
    assert [(await shop.get(f"/orders/{made['order_id']}"))["amount"] for made in (yen, shillings)] == [500, 500]


async def test_C2_a_payment_method_is_kept_where_it_is_asked_for(shop: Shop) -> None:
    made = await shop.open(save_payment_method=True)
    shop.stand_in.pay(made["session_id"])
    intent = shop.stand_in.find(shop.sessions[0]["payment_intent"])
    assert (intent["setup_future_usage"], intent["customer"]) == ("off_session", shop.sessions[0]["customer"])
    customer, _ = shop.stand_in.customer()
    again = await shop.open(stripe_customer_id=customer)
    assert shop.stand_in.find(again["session_id"])["customer"] == customer


async def test_P4_an_order_that_there_is_is_paid_for_in_parts(shop: Shop) -> None:
    order = await shop.order(await shop.contact())
    first = await shop.post("/checkouts", {"order_id": order["id"], "amount": 500, **THANKS})
    assert (first["order_id"], first["amount"]) == (order["id"], 500)
    shop.stand_in.pay(first["session_id"])
    await shop.hear()
    after = await shop.get(f"/orders/{order['id']}")
    assert (after["payment_status"], after["summary"]["remaining"], after["amount"]) == ("partially_paid", 1500, 2000)
    assert (after["managed_by"], after["origin"], after["title"]) == ("manual", "api", order["title"])
    assert [payment["percent"] for payment in after["payments"]] == ["25.00"]
    refused = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], "amount": 1501, **THANKS})
    assert (refused.status, refused.fields) == (422, ["amount"])
    second = await shop.post("/checkouts", {"order_id": order["id"], **THANKS})
    assert second["amount"] == 1500
    shop.stand_in.pay(second["session_id"])
    for event in shop.stand_in.events:  # the session's word comes before that of its payment
        if event["type"] == "checkout.session.completed":
            await shop.shop.deliver("stripe", body_of(event))
    assert (await shop.get(f"/orders/{order['id']}"))["amount_paid"] == 2000
    await shop.hear()
    whole = await shop.get(f"/orders/{order['id']}")
    assert (whole["payment_status"], whole["amount_paid"], len(whole["payments"])) == ("paid", 2000, 2)
    over = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], **THANKS})
    assert (over.status, over.json["code"]) == (409, "nothing_to_pay")
    assert ids((await shop.get(f"/checkouts?order_id={order['id']}"))["items"]) == [second["id"], first["id"]]


async def test_P4_what_is_not_sold_in_parts_is_paid_for_whole(shop: Shop) -> None:
    offer = await shop.post("/offers", {"name": "Course", "unit_price": 9900})
    order = await shop.order(await shop.contact(), items=None, offer_id=offer["id"])
    refused = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], "amount": 1, **THANKS})
    assert (refused.status, refused.fields) == (422, ["amount"])


@pytest.mark.parametrize(
    "kind", ["cut_before", "cut_after", "cut_body", "error_after", "gateway", "rate_limit", "lock_timeout"]
)
async def test_P1_what_stripe_does_not_answer_is_asked_again_and_opened_once(shop: Shop, kind: Any) -> None:
    shop.stand_in.trouble(kind, on=OPENING)
    made = await shop.open()
    assert made["status"] == "open"
    assert len(shop.sessions) == len(await shop.orders()) == 1
    assert len(shop.tries) > 1
    assert len(set(shop.tries)) == 1


async def test_P1_what_stays_unclear_is_opened_later_by_itself(shop: Shop) -> None:
    shop.stand_in.trouble("cut_after", on=OPENING, times=4)
    made = await shop.open(202)
    assert (made["status"], made["url"], made["order_id"]) == ("opening", None, None)
    assert await shop.orders() == []
    assert await shop.later() == 1  # cut once more
    assert await shop.later() == 1
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], len(shop.sessions), len(set(shop.tries))) == ("open", 1, 1)
    assert (await shop.get(f"/orders/{shown['order_id']}"))["number"] == 1
    assert await shop.later() == 0


async def test_P1_a_fault_that_stripe_keeps_is_given_up_once_no_session_is_listed(shop: Shop) -> None:
    shop.stand_in.trouble("error_before", on=OPENING)
    made = await shop.open(202)
    await shop.later()
    assert (await shop.get(f"/checkouts/{made['id']}"))["status"] == "opening"
    await shop.grow_old(3600)
    await shop.later()
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shop.sessions, await shop.orders()) == ("given_up", [], [])


async def test_P1_an_old_one_is_looked_for_and_not_asked_for_again(shop: Shop) -> None:
    shop.stand_in.trouble("cut_after", on=OPENING, times=3)
    made = await shop.open(202)
    await shop.grow_old(21 * 3600)
    asked = len(shop.tries)
    await shop.later()
    assert len(shop.tries) == asked
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shown["session_id"]) == ("open", shop.sessions[0]["id"])
    assert ids(await shop.orders()) == [shown["order_id"]]


async def test_P1_an_old_one_that_was_never_opened_is_given_up(shop: Shop) -> None:
    shop.stand_in.trouble("cut_before", on=OPENING, times=3)
    made = await shop.open(202)
    await shop.grow_old(21 * 3600)
    await shop.later()
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shown["order_id"], shop.sessions) == ("given_up", None, [])
    assert await shop.later() == 0
    assert await shop.orders() == []


async def test_P1_what_stripe_refuses_leaves_nothing_behind(shop: Shop) -> None:
    body = {"contact_id": await shop.contact(), "amount": 500, "stripe_customer_id": "cus_nobody", **THANKS}
    refused = await shop.ask("POST", "/checkouts", json=body)
    assert (refused.status, refused.json["code"]) == (409, "stripe_refused")
    [listed] = (await shop.get("/checkouts"))["items"]
    assert (listed["status"], listed["order_id"]) == ("refused", None)
    assert listed["problem"] in refused.json["detail"]
    assert (shop.sessions, await shop.orders()) == ([], [])
    assert await shop.later() == 0


async def test_P1_the_same_request_is_one_checkout_though_its_answer_was_never_kept(shop: Shop) -> None:
    shop.stand_in.trouble("cut_after", on=OPENING, times=3)
    body = {"contact_id": await shop.contact(), "amount": 500, **THANKS}
    key = {"Idempotency-Key": "k-1"}
    first = await shop.post("/checkouts", body, 202, headers=key)
    await shop.shop.ctx.pool.execute("DELETE FROM idempotency_keys")  # as if the receiver had been killed
    second = await shop.post("/checkouts", body, headers=key)
    assert (second["id"], second["status"], len(shop.sessions)) == (first["id"], "open", 1)
    assert len(await shop.shop.rows("SELECT FROM checkouts")) == 1


async def test_P1_a_webhook_that_is_quicker_than_our_commit_has_made_the_order_already(shop: Shop) -> None:
    shop.stand_in.trouble("cut_after", on=OPENING, times=3)
    contact_id = await shop.contact()
    made = await shop.open(202, contact_id=contact_id)
    shop.stand_in.pay(shop.sessions[0]["id"])
    await shop.hear()
    [order] = await shop.orders()
    await shop.later()
    [after] = await shop.orders()
    assert (after["id"], after["number"], after["payment_status"]) == (order["id"], 1, "paid")
    assert after["contact_id"] == contact_id
    assert len(after["items"]) == 2
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["order_id"], shown["status"]) == (order["id"], "paid")


async def test_P1_a_payment_that_is_quicker_than_our_commit_joins_the_order(shop: Shop) -> None:
    shop.stand_in.trouble("cut_after", on=OPENING, times=3)
    await shop.open(202)
    shop.stand_in.pay(shop.sessions[0]["id"])
    for event in shop.stand_in.events:
        if event["type"].startswith("payment_intent."):
            await shop.shop.deliver("stripe", body_of(event))
    assert await shop.orders() == []
    await shop.later()
    [order] = await shop.orders()
    assert (order["payment_status"], len(order["payments"])) == ("paid", 1)
    assert {state for state, _ in (await shop.shop.states()).values()} == {"applied"}


async def test_P1_an_open_checkout_can_be_expired(shop: Shop) -> None:
    made = await shop.open()
    gone = await shop.post(f"/checkouts/{made['id']}/expire", {}, 200)
    assert (gone["status"], gone["url"]) == ("expired", None)
    assert shop.sessions[0]["status"] == "expired"
    before = await shop.get(f"/orders/{made['order_id']}")
    assert before["payment_status"] == "canceled"
    await shop.hear()
    assert (await shop.get(f"/orders/{made['order_id']}"))["payment_status"] == "canceled"
    paid = await shop.open()
    shop.stand_in.pay(paid["session_id"])
    refused = await shop.ask("POST", f"/checkouts/{paid['id']}/expire")
    assert (refused.status, refused.json["code"]) == (409, "stripe_refused")
    third = await shop.open()
    shop.stand_in.trouble("cut_after", on="checkout.sessions.expire")
    unclear = await shop.ask("POST", f"/checkouts/{third['id']}/expire")
    assert (unclear.status, unclear.json["code"]) == (503, "stripe_silent")
    assert (await shop.post(f"/checkouts/{third['id']}/expire", {}, 200))["status"] == "expired"


async def test_O5_a_checkout_that_is_not_paid_in_time_is_overdue(shop: Shop) -> None:
    made = await shop.open(due_at="2026-09-01T00:00:00Z")
    assert (await shop.get(f"/orders/{made['order_id']}"))["payment_status"] == "overdue"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"contact_id": "c", "order_id": "o"}, "body"),
        ({"order_id": "o", "items": ITEMS}, "body"),
        ({"contact_id": "c", "items": ITEMS, "amount": 5}, "body"),
        ({"contact_id": "c"}, "items"),
        ({"contact_id": "c", "items": [{"name": "Nothing", "unit_price": 0}]}, "items"),
        ({"contact_id": "c", "amount": 5, "success_url": "javascript:alert(1)"}, "success_url"),
        ({"contact_id": "c", "amount": 5, "expires_in_s": 60}, "expires_in_s"),
        ({"contact_id": "c", "amount": 5, "stripe_customer_id": "pi_1"}, "stripe_customer_id"),
        ({"contact_id": "c", "amount": 5, "connection": "other"}, "connection"),
        ({"contact_id": "c", "amount": 5, "currency": "XXX"}, "currency"),
        ({"contact_id": "unknown", "amount": 5}, "contact_id"),
        ({"order_id": "unknown"}, "order_id"),
        ({"contact_id": "c", "amount": 5, "deal_id": "unknown"}, "deal_id"),
    ],
)
async def test_P1_bad_input_is_refused_by_field(shop: Shop, body: dict[str, Any], field: str) -> None:
    contact_id = await shop.contact()
    known = {"c": contact_id, "o": (await shop.order(contact_id))["id"], "unknown": new_id()}
    given = {name: known.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    refused = await shop.ask("POST", "/checkouts", json={**THANKS, **given})
    assert (refused.status, refused.fields) == (422, [field])
    assert await shop.shop.rows("SELECT FROM checkouts") == []
    assert shop.tries == []


async def test_P1_without_a_key_it_says_what_to_do(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(api.shop.ctx.settings.__dict__, "stripe_api_key", None)
    refused = await api.ask("POST", "/checkouts", json={"contact_id": await api.contact(), "amount": 5, **THANKS})
    assert (refused.status, refused.json["code"]) == (409, "stripe_key_missing")
    assert "STRIPE_API_KEY" in refused.json["detail"]


async def test_I4_another_accounts_connection_has_not_our_key(shop: Shop) -> None:
    stranger = await shop.other_account()
    contact = await shop.post("/contacts", {"name": "Eve"}, token=stranger)
    body = {"contact_id": contact["id"], "amount": 5, **THANKS}
    await shop.post("/connections", {"name": "theirs", "provider": "stripe", "secret": "hush"}, token=stranger)
    for more in ({}, {"connection": "theirs"}, {"connection": "stripe"}):
        refused = await shop.ask("POST", "/checkouts", json={**body, **more}, token=stranger)
        assert refused.status in (409, 422), more
    assert shop.tries == []


async def test_O12_a_checkout_is_seen_with_its_contact_or_order(shop: Shop) -> None:
    made = await shop.open()
    await shop.set(owner_privacy=True)
    rep = await shop.token("rep", Permission.CRM_MANAGE)
    assert (await shop.ask("GET", f"/checkouts/{made['id']}", token=rep)).status == 404
    assert (await shop.get("/checkouts", token=rep))["items"] == []
    assert (await shop.ask("POST", f"/checkouts/{made['id']}/expire", token=rep)).status == 404


async def test_O2_a_contact_that_becomes_another_takes_its_checkouts_and_orders_along(shop: Shop) -> None:
    contact_id = await shop.contact("ana@example.com")
    made = await shop.open(contact_id=contact_id)
    other = await shop.contact("ana@second.example")
    body = payload("stripe", "checkout_session_completed__sync-engine.json")
    sold: dict[str, Any] = {"payment_intent": None, "invoice": None, "subscription": None, "metadata": {}}
    for number, email in enumerate(("ana@example.com", "ana@second.example")):
        about = {"id": f"cs_{number}", "customer": "cus_1", "customer_details": {"email": email}, **sold}
        paths = {f"data__object__{name}": value for name, value in about.items()}
        await shop.shop.deliver("stripe", edited(body, id=f"evt_m{number}", **paths))
    [kept] = {row["contact_id"] for row in await shop.shop.rows("SELECT contact_id FROM orders")}
    assert kept in (contact_id, other)
    assert (await shop.get(f"/checkouts/{made['id']}"))["contact_id"] == kept
    shop.stand_in.pay(made["session_id"])
    await shop.hear()
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["payment_status"], order["contact_id"]) == ("paid", kept)
