"""Checkouts over the API (P1): a session at Stripe and an order, both or neither."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from schemas.account import Permission
from tests.api.conftest import Api, Served, ids
from tests.till import Till
from tests.till import till as running
from tests.world import NOW, edited, payload, world
from worker.actions import checkouts as actions
from worker.ids import new_id
from worker.serve import make_app
from worker.store import tokens
from worker.store.checks import broken
from worker.upkeep import checkouts as upkeep

THANKS = {"success_url": "https://shop.example/thanks"}
ITEMS = [
    {"name": "Coffee", "sku": "COF-1", "unit_price": 4990, "quantity": 2},
    {"name": "Tea", "unit_price": 1000, "quantity": "0.5", "tax_rate": "10", "discount": 100},
]


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    async with running() as made:
        yield made


@pytest.fixture
async def shop(database: str, till: Till, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """An account whose connection `stripe` has an API key."""
    monkeypatch.setattr(actions, "PAUSES_S", (0.0, 0.0))
    async with world(database) as made:
        settings = made.ctx.settings.model_copy(
            update={"stripe_api_key": SecretStr("sk_test_1"), "stripe_api_base": till.base}
        )
        made.ctx = dataclasses.replace(made.ctx, settings=settings)
        admin = await tokens.issue(made.ctx.pool, made.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(made.ctx))) as client:
            yield Api(made, client, admin)
        assert await broken(made.ctx.pool) == {}


async def opened(shop: Api, **fields: Any) -> dict[str, Any]:
    contact_id = fields.pop("contact_id", None) or await shop.contact()
    found: dict[str, Any] = await shop.post(
        "/checkouts", {"contact_id": contact_id, "items": ITEMS, "currency": "BRL", **THANKS, **fields}
    )
    return found


async def webhook(shop: Api, topic: str, at: int, **fields: Any) -> str:
    """A session's event; `fields` are the session's."""
    body = payload("stripe", "checkout_session_completed__sync-engine.json")
    paths = {f"data__object__{name}": value for name, value in fields.items()}
    return await shop.shop.deliver(
        "stripe", edited(body, id=f"evt_{new_id()}", type=f"checkout.session.{topic}", created=int(NOW) + at, **paths)
    )


async def completed(shop: Api, session: dict[str, Any], intent: str = "pi_7") -> None:
    said = {**session, "status": "complete", "payment_status": "paid", "payment_intent": intent, "url": None}
    await webhook(shop, "completed", 60, **said)


async def test_P1_a_checkout_makes_a_session_and_its_order_before_any_payment(shop: Api, till: Till) -> None:
    made = await opened(shop, title="Breakfast", notes="Ring twice")
    [session] = till.sessions.values()
    assert (made["status"], made["url"], made["session_id"]) == ("open", session["url"], session["id"])
    assert (made["amount"], made["currency"], made["problem"]) == (10420, "BRL", None)
    assert await shop.get(f"/checkouts/{made['id']}") == made
    order = await shop.get(f"/orders/{made['order_id']}")
    expected = {
        "number": 1, "title": "Breakfast", "notes": "Ring twice", "status": "new", "payment_status": "pending", "source": "payments",
        "managed_by": "stripe", "origin": "stripe", "external_id": session["id"], "amount": 10420, "livemode": False,
        "contact_id": made["contact_id"], "amount_paid": 0, "payments": [],
    }  # fmt: skip
    assert {name: order[name] for name in expected} == expected
    assert order["stripe"]["checkout_session_id"] == session["id"]
    lines = [(item["name"], item["sku"], item["quantity"], item["tax"], item["total"]) for item in order["items"]]
    assert lines == [("Coffee", "COF-1", 2, 0, 9980), ("Tea", None, "0.5", 40, 440)]
    [form] = till.forms
    assert form["customer_email"] == "ana@example.com"
    assert form["client_reference_id"] == form["payment_intent_data[metadata][order_id]"] == made["order_id"]
    assert (form["line_items[0][price_data][unit_amount]"], form["line_items[0][quantity]"]) == ("4990", "2")
    assert (form["line_items[1][price_data][unit_amount]"], form["line_items[1][quantity]"]) == ("440", "1")


async def test_P1_its_webhooks_find_the_order_and_leave_its_lines(shop: Api, till: Till) -> None:
    made = await opened(shop)
    before = await shop.get(f"/orders/{made['order_id']}")
    [session] = till.sessions.values()
    await completed(shop, session)
    [order] = (await shop.get("/orders"))["items"]
    assert (order["id"], order["payment_status"], order["amount_paid"]) == (made["order_id"], "paid", 10420)
    assert (order["items"], order["title"], order["number"]) == (before["items"], before["title"], 1)
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shown["url"]) == ("paid", None)


async def test_P1_a_failed_try_is_on_the_order_though_no_session_event_names_it(shop: Api) -> None:
    made = await opened(shop)
    body = payload("stripe", "payment_intent_payment_failed__2025-04-30.basil.json")
    named = {"data__object__id": "pi_9", "data__object__metadata": {"order_id": made["order_id"]}}
    amounts = {"data__object__amount": 10420, "data__object__currency": "brl", "data__object__latest_charge": None}
    await shop.shop.deliver("stripe", edited(body, id="evt_9", created=int(NOW) + 30, **named, **amounts))
    order = await shop.get(f"/orders/{made['order_id']}")
    assert [(row["external_id"], row["status"]) for row in order["payments"]] == [("pi_9", "failed")]
    assert order["payment_status"] == "pending"  # the session is open: the customer may try again


async def test_P1_more_than_the_goods_is_what_stripe_says_it_is(shop: Api, till: Till) -> None:
    made = await opened(shop)
    [session] = till.sessions.values()
    told = {"amount_discount": 420, "amount_shipping": 0, "amount_tax": 0}
    session = {**session, "amount_total": 10000, "total_details": told}
    await completed(shop, session)
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["amount"], order["payment_status"]) == (10000, "paid")
    assert [item["name"] for item in order["items"]] == ["Coffee", "Tea"]
    assert [(charge["kind"], charge["amount"]) for charge in order["charges"]] == [("discount", -420)]


async def test_P1_an_offer_is_sold_by_its_price_and_quantity(shop: Api) -> None:
    offer = await shop.post("/offers", {"name": "Course", "unit_price": 9900, "currency": "EUR", "several_units": True})
    made = await opened(shop, items=None, currency=None, offer_id=offer["id"], quantity=3)
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["amount"], order["currency"], order["offer_id"]) == (29700, "EUR", offer["id"])


async def test_P4_an_order_that_there_is_is_paid_for_in_parts(shop: Api, till: Till) -> None:
    order = await shop.order(await shop.contact())
    first = await shop.post("/checkouts", {"order_id": order["id"], "amount": 500, **THANKS})
    assert (first["order_id"], first["amount"]) == (order["id"], 500)
    await completed(shop, till.sessions[first["session_id"]], "pi_1")
    after = await shop.get(f"/orders/{order['id']}")
    assert (after["payment_status"], after["summary"]["remaining"], after["amount"]) == ("partially_paid", 1500, 2000)
    assert (after["managed_by"], after["origin"], after["title"]) == ("manual", "api", order["title"])
    assert [payment["percent"] for payment in after["payments"]] == ["25.00"]
    refused = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], "amount": 1501, **THANKS})
    assert (refused.status, refused.fields) == (422, ["amount"])
    second = await shop.post("/checkouts", {"order_id": order["id"], **THANKS})
    assert second["amount"] == 1500
    await completed(shop, till.sessions[second["session_id"]], "pi_2")
    assert (await shop.get(f"/orders/{order['id']}"))["payment_status"] == "paid"
    over = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], **THANKS})
    assert (over.status, over.json["code"]) == (409, "nothing_to_pay")
    assert ids((await shop.get(f"/checkouts?order_id={order['id']}"))["items"]) == [second["id"], first["id"]]


async def test_P4_what_is_not_sold_in_parts_is_paid_for_whole(shop: Api) -> None:
    offer = await shop.post("/offers", {"name": "Course", "unit_price": 9900})
    order = await shop.order(await shop.contact(), items=None, offer_id=offer["id"])
    refused = await shop.ask("POST", "/checkouts", json={"order_id": order["id"], "amount": 1, **THANKS})
    assert (refused.status, refused.fields) == (422, ["amount"])


@pytest.mark.parametrize("befalls", ["cut", "lost", "limit"])
async def test_P1_what_stripe_does_not_answer_is_asked_again_and_opened_once(
    shop: Api, till: Till, befalls: str
) -> None:
    till.script = [befalls]
    made = await opened(shop)
    assert made["status"] == "open"
    assert len(till.sessions) == len(await shop.shop.rows("SELECT FROM orders")) == 1
    assert len({key for _, key in till.asked}) == 1


async def test_P1_what_stays_unclear_is_opened_later_by_itself(shop: Api, till: Till) -> None:
    till.script = ["cut", "cut", "cut", "cut"]
    contact_id = await shop.contact()
    made = await shop.post("/checkouts", {"contact_id": contact_id, "amount": 500, **THANKS}, 202)
    assert (made["status"], made["url"], made["order_id"]) == ("opening", None, None)
    assert await shop.shop.rows("SELECT FROM orders") == []
    await wait_over(shop)
    assert await upkeep.tick(shop.shop.ctx) == 1  # cut once more
    await wait_over(shop)
    assert await upkeep.tick(shop.shop.ctx) == 1
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], len(till.sessions)) == ("open", 1)
    assert (await shop.get(f"/orders/{shown['order_id']}"))["number"] == 1
    assert await upkeep.tick(shop.shop.ctx) == 0


async def wait_over(shop: Api) -> None:
    """The pause before the next try has passed."""
    await shop.shop.ctx.pool.execute("UPDATE checkouts SET next_attempt_at = $1", moment(0))


def moment(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOW + seconds, UTC)


async def age(shop: Api, seconds: float) -> None:
    """The checkout was asked for so long ago."""
    await shop.shop.ctx.pool.execute(
        "UPDATE checkouts SET created_at = created_at - make_interval(secs => $1), "
        "expires_at = expires_at - make_interval(secs => $1), next_attempt_at = $2",
        seconds,
        moment(0),
    )


async def test_P1_an_old_one_is_looked_for_and_not_opened_again(shop: Api, till: Till) -> None:
    till.script = ["cut"] * 3
    contact_id = await shop.contact()
    made = await shop.post("/checkouts", {"contact_id": contact_id, "amount": 500, **THANKS}, 202)
    for _ in range(3):  # so that it is on another page
        await opened(shop, contact_id=contact_id)
    await shop.shop.ctx.pool.execute("DELETE FROM checkouts WHERE id <> $1", made["id"])
    await age(shop, 21 * 3600)
    till.asked.clear()
    await upkeep.tick(shop.shop.ctx)
    assert [what for what, _ in till.asked] == ["list", "list", "expire"]
    shown = await shop.get(f"/checkouts/{made['id']}")
    order = await shop.get(f"/orders/{shown['order_id']}")
    assert (shown["status"], order["payment_status"], order["external_id"]) == ("expired", "canceled", "cs_test_1")


async def test_P1_an_old_one_that_was_never_opened_is_given_up(shop: Api, till: Till) -> None:
    till.script = ["lost"] * 3
    made = await shop.post("/checkouts", {"contact_id": await shop.contact(), "amount": 500, **THANKS}, 202)
    await age(shop, 21 * 3600)
    await upkeep.tick(shop.shop.ctx)
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], shown["order_id"], till.sessions) == ("given_up", None, {})
    assert await upkeep.tick(shop.shop.ctx) == 0
    assert await shop.shop.rows("SELECT FROM orders") == []


@pytest.mark.parametrize("befalls", ["refuse", "key"])
async def test_P1_what_stripe_refuses_leaves_nothing_behind(shop: Api, till: Till, befalls: str) -> None:
    till.script = [befalls]
    body = {"contact_id": await shop.contact(), "amount": 1, **THANKS}
    refused = await shop.ask("POST", "/checkouts", json=body)
    assert (refused.status, refused.json["code"]) == (409, "stripe_refused")
    [listed] = (await shop.get("/checkouts"))["items"]
    assert (listed["status"], listed["order_id"]) == ("refused", None)
    assert listed["problem"] in refused.json["detail"]
    assert await shop.shop.rows("SELECT FROM orders") == []


async def test_P1_the_key_refused_after_an_unclear_answer_decides_nothing(shop: Api, till: Till) -> None:
    till.script = ["cut", "key", "key"]
    made = await shop.post("/checkouts", {"contact_id": await shop.contact(), "amount": 500, **THANKS}, 202)
    await wait_over(shop)
    await upkeep.tick(shop.shop.ctx)
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["status"], len(till.sessions)) == ("open", 1)


async def test_P1_the_same_request_is_one_checkout_though_its_answer_was_never_kept(shop: Api, till: Till) -> None:
    till.script = ["cut"] * 3
    body = {"contact_id": await shop.contact(), "amount": 500, **THANKS}
    key = {"Idempotency-Key": "k-1"}
    first = await shop.post("/checkouts", body, 202, headers=key)
    await shop.shop.ctx.pool.execute("DELETE FROM idempotency_keys")  # as if the receiver had been killed
    second = await shop.post("/checkouts", body, headers=key)
    assert (second["id"], second["status"], len(till.sessions)) == (first["id"], "open", 1)
    assert len(await shop.shop.rows("SELECT FROM checkouts")) == 1


async def test_P1_a_webhook_that_is_quicker_than_our_commit_has_made_the_order_already(shop: Api, till: Till) -> None:
    till.script = ["cut"] * 3
    contact_id = await shop.contact()
    made = await shop.post("/checkouts", {"contact_id": contact_id, "amount": 500, **THANKS}, 202)
    [session] = till.sessions.values()
    await completed(shop, session)
    [order] = (await shop.get("/orders"))["items"]
    await wait_over(shop)
    await upkeep.tick(shop.shop.ctx)
    [after] = (await shop.get("/orders"))["items"]
    assert (after["id"], after["number"], after["payment_status"]) == (order["id"], 1, "paid")
    assert after["contact_id"] == contact_id
    shown = await shop.get(f"/checkouts/{made['id']}")
    assert (shown["order_id"], shown["status"]) == (order["id"], "paid")


async def test_P1_an_open_checkout_can_be_expired(shop: Api, till: Till) -> None:
    made = await opened(shop)
    gone = await shop.post(f"/checkouts/{made['id']}/expire", {}, 200)
    assert (gone["status"], gone["url"]) == ("expired", None)
    assert till.sessions[made["session_id"]]["status"] == "expired"
    order = await shop.get(f"/orders/{made['order_id']}")
    assert order["payment_status"] == "canceled"
    await webhook(shop, "expired", 1, **till.sessions[made["session_id"]])
    assert (await shop.get(f"/orders/{made['order_id']}"))["payment_status"] == "canceled"
    again = await shop.ask("POST", f"/checkouts/{made['id']}/expire")
    assert (again.status, again.json["code"]) == (409, "stripe_refused")
    till.script = ["cut"]
    unclear = await shop.ask("POST", f"/checkouts/{made['id']}/expire")
    assert unclear.status == 503


async def test_O5_a_checkout_that_is_not_paid_in_time_is_overdue(shop: Api) -> None:
    made = await opened(shop, due_at="2026-09-01T00:00:00Z")
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
async def test_P1_bad_input_is_refused_by_field(shop: Api, till: Till, body: dict[str, Any], field: str) -> None:
    contact_id = await shop.contact()
    known = {"c": contact_id, "o": (await shop.order(contact_id))["id"], "unknown": new_id()}
    given = {name: known.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    refused = await shop.ask("POST", "/checkouts", json={**THANKS, **given})
    assert (refused.status, refused.fields) == (422, [field])
    assert await shop.shop.rows("SELECT FROM checkouts") == []
    assert till.asked == []


async def test_P1_without_a_key_it_says_what_to_do(api: Api) -> None:
    refused = await api.ask("POST", "/checkouts", json={"contact_id": await api.contact(), "amount": 5, **THANKS})
    assert (refused.status, refused.json["code"]) == (409, "stripe_key_missing")
    assert "STRIPE_API_KEY" in refused.json["detail"]


async def test_I4_another_accounts_connection_has_not_our_key(shop: Api, till: Till) -> None:
    stranger = await shop.other_account()
    contact = await shop.post("/contacts", {"name": "Eve"}, token=stranger)
    body = {"contact_id": contact["id"], "amount": 5, **THANKS}
    await shop.post("/connections", {"name": "theirs", "provider": "stripe", "secret": "hush"}, token=stranger)
    for more in ({}, {"connection": "theirs"}, {"connection": "stripe"}):
        refused = await shop.ask("POST", "/checkouts", json={**body, **more}, token=stranger)
        assert refused.status in (409, 422), more
    assert till.asked == []


async def test_O12_a_checkout_is_seen_with_its_contact_or_order(shop: Api) -> None:
    made = await opened(shop)
    await shop.set(owner_privacy=True)
    rep = await shop.token("rep", Permission.CRM_MANAGE)
    assert (await shop.ask("GET", f"/checkouts/{made['id']}", token=rep)).status == 404
    assert (await shop.get("/checkouts", token=rep))["items"] == []
    assert (await shop.ask("POST", f"/checkouts/{made['id']}/expire", token=rep)).status == 404


async def test_O2_a_contact_that_becomes_another_takes_its_checkouts_and_orders_along(shop: Api, till: Till) -> None:
    contact_id = await shop.contact("ana@example.com")
    made = await opened(shop, contact_id=contact_id)
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
    await completed(shop, till.sessions[made["session_id"]])
    order = await shop.get(f"/orders/{made['order_id']}")
    assert (order["payment_status"], order["contact_id"]) == ("paid", kept)
