"""Recurring orders over the API (C1-C4, C7, H2): made, changed, paused, activated, completed; nothing is charged here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from schemas.account import Permission
from tests.api.conftest import Api
from tests.world import NOW, SilentLanes
from worker.ids import new_id

PLAN = {
    "currency": "BRL",
    "amount": 9900,
    "interval": {"unit": "month", "count": 1},
    "stripe_customer_id": "cus_1",
    "stripe_payment_method_id": "pm_1",
}


async def planned(api: Api, **fields: Any) -> dict[str, Any]:
    body = {**PLAN, "contact_id": await api.contact(f"{new_id()}@example.com"), **fields}
    made: dict[str, Any] = await api.post("/recurring-orders", {k: v for k, v in body.items() if v is not None})
    return made


async def do(api: Api, found: dict[str, Any], verb: str, status: int = 200, **more: Any) -> Any:
    answer = await api.ask("POST", f"/recurring-orders/{found['id']}/{verb}", **more)
    assert answer.status == status, answer
    return answer.json


async def test_C1_a_new_one_is_pending_and_due_at_once(api: Api) -> None:
    made = await planned(api, title="Barista course", total_payments=12)
    assert (made["status"], made["managed_by"], made["number"]) == ("pending", "manual", 1)
    assert (made["payments_made"], made["payments_remaining"]) == (0, 12)
    assert made["first_payment_at"] == made["next_payment_at"] == "2026-09-21T14:13:20Z"
    assert (made["livemode"], made["timezone"]) == (False, "UTC")
    assert made["items"][0]["name"] == "Barista course"
    assert isinstance(api.shop.ctx.lanes, SilentLanes)
    assert made["id"] in api.shop.ctx.lanes.signalled, "the charging room is told at once"


async def test_C2_the_first_payment_may_be_later(api: Api) -> None:
    made = await planned(api, first_payment_at="2027-01-31T09:00:00Z")
    assert made["next_payment_at"] == "2027-01-31T09:00:00Z"
    past = await api.ask(
        "POST", "/recurring-orders",
        json={**PLAN, "contact_id": made["contact_id"], "first_payment_at": "2026-09-01T00:00:00Z"},
    )  # fmt: skip
    assert (past.status, past.fields) == (422, ["first_payment_at"])


async def test_C2_an_offer_gives_price_name_and_interval(api: Api) -> None:
    offer = await api.post(
        "/offers",
        {
            "name": "Course",
            "unit_price": 5000,
            "currency": "EUR",
            "recurring": True,
            "interval": {"unit": "week", "count": 2},
        },
    )
    made = await planned(api, offer_id=offer["id"], amount=None, currency=None, interval=None)
    assert (made["title"], made["amount"], made["currency"]) == ("Course", 5000, "EUR")
    assert made["interval"] == {"unit": "week", "count": 2}
    await api.ask("PATCH", f"/offers/{offer['id']}", json={"unit_price": 9})
    assert (await api.get(f"/recurring-orders/{made['id']}"))["amount"] == 5000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"contact_id": new_id()}, "contact_id"),
        ({"amount": None}, "amount"),
        ({"amount": 0}, "amount"),
        ({"currency": "KWD", "amount": 1001}, "amount"),
        ({"currency": "XQX"}, "currency"),
        ({"interval": None}, "interval"),
        ({"interval": {"unit": "month", "count": 0}}, "interval.count"),
        ({"interval": {"unit": "year", "count": 1}}, "interval.unit"),
        ({"total_payments": 0}, "total_payments"),
        ({"stripe_customer_id": None}, "stripe_customer_id"),
        ({"stripe_payment_method_id": "pm\0"}, "stripe_payment_method_id"),
        ({"connection": "shopify"}, "connection"),
        ({"connection": "no such"}, "connection"),
        ({"owner_id": new_id()}, "owner_id"),
        ({"offer_id": new_id()}, "offer_id"),
        ({"items": [{"name": "Tea", "unit_price": 5}]}, "amount"),
    ],
)
async def test_C2_what_cannot_be_charged_is_refused_with_the_field(
    api: Api, changes: dict[str, Any], field: str
) -> None:
    body = {**PLAN, "contact_id": await api.contact(), **changes}
    answer = await api.ask("POST", "/recurring-orders", json={k: v for k, v in body.items() if v is not None})
    assert (answer.status, answer.fields) == (422, [field]), answer.raw
    assert (await api.get("/recurring-orders"))["items"] == []


async def test_C2_without_an_api_key_nothing_can_be_charged_and_it_is_said(api: Api) -> None:
    object.__setattr__(api.shop.ctx.settings, "stripe_api_key", None)
    answer = await api.ask("POST", "/recurring-orders", json={**PLAN, "contact_id": await api.contact()})
    assert (answer.status, answer.fields) == (422, ["connection"])
    assert "STRIPE_API_KEY" in answer.json["detail"]


@pytest.mark.parametrize(("key", "live"), [("sk_live_x", True), ("sk_test_x", False), ("rk_test_x", False)])
async def test_R7_the_connections_key_says_whether_it_is_live(api: Api, key: str, live: bool) -> None:
    object.__setattr__(api.shop.ctx.settings, "stripe_api_key", SecretStr(key))
    assert (await planned(api))["livemode"] is live


async def test_C4_pause_activate_and_complete(api: Api) -> None:
    made = await planned(api)
    assert (await do(api, made, "pause"))["status"] == "paused"
    assert (await do(api, made, "pause"))["status"] == "paused"
    assert (await do(api, made, "activate"))["status"] == "pending", "no payment has succeeded so far"
    done = await do(api, made, "complete")
    assert (done["status"], done["next_payment_at"]) == ("completed", None)
    assert done["completed_at"] is not None
    assert (await do(api, made, "complete"))["status"] == "completed"
    for verb in ("pause", "activate", "charge"):
        assert (await do(api, made, verb, 409))["code"] == "state"


@pytest.mark.parametrize("verb", ["pause", "activate", "complete", "charge", "release"])
async def test_C4_each_verb_needs_recurring_manage(api: Api, verb: str) -> None:
    made = await planned(api)
    mere = await api.token("rep", Permission.CRM_MANAGE)
    assert (await do(api, made, verb, 403, token=mere))["permission"] == "recurring.manage"
    allowed = await api.token("rep", Permission.RECURRING_MANAGE)
    await do(api, made, verb, token=allowed)


async def test_C4_a_try_by_hand_arms_an_attempt_at_once_and_makes_the_order_of_the_cycle(api: Api) -> None:
    made = await planned(api, title="Course")
    tried = await do(api, made, "charge")
    assert (tried["status"], tried["order_id"] is None) == ("pending", False)
    [attempt] = (await api.get(f"/recurring-orders/{made['id']}/attempts"))["items"]
    assert (attempt["state"], attempt["kind"], attempt["cycle"], attempt["number"]) == ("created", "manual", 1, 1)
    assert (await do(api, made, "charge", 409))["code"] == "under_way"
    order = await api.get(f"/orders/{tried['order_id']}")
    assert (order["source"], order["managed_by"], order["origin"]) == ("payments", "stripe", "recurring")
    assert (order["external_id"], order["amount"], order["title"]) == (f"{made['id']}:1", 9900, "Course")
    assert (order["livemode"], order["number"]) == (False, 1)
    assert [one["id"] for one in (await api.get(f"/orders?recurring_order_id={made['id']}"))["items"]] == [order["id"]]
    [listed] = (await api.get(f"/recurring-orders/{made['id']}/orders"))["items"]
    assert (listed["id"], listed["cycle"], listed["attempts"]) == (order["id"], 1, [attempt])


async def test_C4_a_pause_takes_back_what_was_armed(api: Api) -> None:
    made = await planned(api)
    await do(api, made, "charge")
    paused = await do(api, made, "pause")
    assert paused["status"] == "paused"
    [attempt] = (await api.get(f"/recurring-orders/{made['id']}/attempts"))["items"]
    assert attempt["state"] == "abandoned"


async def test_O6_the_order_of_a_cycle_is_locked_like_every_order_that_stripe_bills(api: Api) -> None:
    order_id = (await do(api, await planned(api), "charge"))["order_id"]
    answer = await api.ask("PATCH", f"/orders/{order_id}", json={"amount": 1})
    assert (answer.status, answer.json["code"]) == (409, "locked")
    assert (await api.ask("PATCH", f"/orders/{order_id}", json={"notes": "called"})).status == 200


async def test_H4_a_stale_if_match_changes_nothing(api: Api) -> None:
    made = await planned(api)
    answer = await api.ask(
        "PATCH", f"/recurring-orders/{made['id']}", json={"title": "New"}, headers={"If-Match": '"7"'}
    )
    assert answer.status == 412
    answer = await api.ask("PATCH", f"/recurring-orders/{made['id']}", json={"title": "New"})
    assert (answer.status, answer.json["title"]) == (200, "New")


async def test_C7_the_list_is_filtered(api: Api) -> None:
    first, second = await planned(api), await planned(api)
    await do(api, first, "pause")

    async def ids(query: str) -> list[str]:
        return [item["id"] for item in (await api.get(f"/recurring-orders?{query}"))["items"]]

    assert await ids("") == [second["id"], first["id"]]
    assert await ids("status=paused") == [first["id"]]
    assert await ids(f"contact_id={second['contact_id']}") == [second["id"]]
    assert await ids("managed_by=stripe") == []
    assert await ids("held=true") == []


async def test_O12_a_rep_sees_those_of_their_contacts_only(api: Api) -> None:
    await api.set(owner_privacy=True)
    row = await api.token_id("rep", Permission.RECURRING_MANAGE)
    mine = await api.post("/contacts", {"name": "Ana", "owner_id": row})
    seen = await planned(api, contact_id=mine["id"])
    hidden = await planned(api)
    secret = await api.token("rep", Permission.RECURRING_MANAGE)
    assert (await api.get("/recurring-orders", token=secret))["items"] == []
    assert (await do(api, hidden, "pause", 404, token=secret))["code"] == "not_found"
    assert seen["contact_id"] == mine["id"]


async def test_N5_a_switch_stops_all_charging_and_says_since_when(api: Api) -> None:
    made = await planned(api)
    path = f"/accounts/{api.shop.account_id}"
    stopped = (await api.ask("PATCH", path, json={"charging_stopped": True})).json
    assert (stopped["charging_stopped_at"], stopped["charging_stopped_by"]) == (
        "2026-09-21T14:13:20Z", "token:first admin",
    )  # fmt: skip
    assert (await do(api, made, "charge", 409))["code"] == "charging_stopped"
    resumed = (await api.ask("PATCH", path, json={"charging_stopped": False})).json
    assert (resumed["charging_stopped_at"], resumed["charging_stopped_by"]) == (None, None)
    await do(api, made, "charge")


async def test_O13_what_fell_due_while_the_registry_was_off_waits_for_a_person(api: Api) -> None:
    made, later = await planned(api), await planned(api, first_payment_at="2027-01-31T09:00:00Z")
    armed = await planned(api)
    await do(api, armed, "charge")
    await api.set(registry_enabled=False)
    assert (await api.ask("GET", f"/recurring-orders/{made['id']}")).status == 403
    await api.set(registry_enabled=True)
    assert (await api.get(f"/recurring-orders/{made['id']}"))["held"] is True
    assert (await api.get(f"/recurring-orders/{armed['id']}"))["held"] is True
    assert (await api.get(f"/recurring-orders/{later['id']}"))["held"] is False
    assert [row["due_at"] for row in await api.shop.rows("SELECT due_at FROM recurring_orders WHERE held")] == [
        None
    ] * 2
    assert (await do(api, made, "release"))["held"] is False
    rows = await api.shop.rows("SELECT id FROM recurring_orders WHERE due_at <= to_timestamp($1)", NOW)
    assert [row["id"] for row in rows] == [made["id"]]


async def test_H5_subscribers_are_told(api: Api) -> None:
    await api.set(private_targets=True)
    await api.post("/subscribers", {"url": "https://8.8.8.8/hooks"})
    made = await planned(api)
    for verb in ("pause", "activate", "complete"):
        await do(api, made, verb)
    rows = await api.shop.rows("SELECT type, body FROM feed_events WHERE subject_id = $1 ORDER BY sequence", made["id"])
    assert [row["type"] for row in rows] == [
        "recurring.created", "recurring.paused", "recurring.activated", "recurring.completed",
    ]  # fmt: skip
    told = msgspec.json.decode(rows[-1]["body"])["data"]
    assert (told["id"], told["status"], told["number"]) == (made["id"], "completed", 1)
