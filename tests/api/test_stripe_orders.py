"""What the API says of, and refuses on, an order that Stripe manages."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.account import Reach
from tests.api.conftest import Api
from tests.world import edited, payload
from worker.store import event_reads


@pytest.fixture
async def paid(api: Api) -> dict[str, Any]:
    """The order of a completed checkout and its payment."""
    await api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    intent = payload("stripe", "payment_intent_succeeded__2020-08-27.json")
    sums = {"data__object__amount": 3000, "data__object__amount_received": 3000, "data__object__currency": "usd"}
    await api.shop.deliver("stripe", edited(intent, **sums))
    [order] = (await api.get("/orders?origin=stripe"))["items"]
    return dict(order)


async def test_O3_stripes_ids_are_there_and_no_key_of_our_own(paid: dict[str, Any]) -> None:
    stripe = paid["stripe"]
    assert paid["external_id"] == stripe["checkout_session_id"]
    assert {stripe["checkout_session_id"], stripe["payment_intent_id"]} <= set(stripe["links"])
    assert not any(":" in link or "#" in link for link in stripe["links"])
    assert [payment["external_id"] for payment in paid["payments"]] == [stripe["payment_intent_id"]]
    assert paid["payments"][0]["percent"] == "100.00"


@pytest.mark.parametrize(
    ("change", "locked"),
    [
        ({"amount": 1}, ["amount"]),
        ({"items": [], "currency": "BRL"}, ["currency", "items"]),
        ({"charges": [{"kind": "discount", "value": 1}]}, ["charges"]),
        ({"payment_status": "paid"}, ["payment_status"]),
        ({"amount": 1, "tracking_url": "https://carrier.example/1"}, ["amount"]),
    ],
)
async def test_O6_what_stripe_manages_is_refused_by_name(
    api: Api, paid: dict[str, Any], change: dict[str, Any], locked: list[str]
) -> None:
    answer = await api.ask("PATCH", f"/orders/{paid['id']}", json=change)
    assert (answer.status, answer.json["code"], answer.json["locked_fields"]) == (409, "locked", locked)
    assert answer.fields == locked
    assert set(locked) <= set(paid["locked_fields"])
    assert await api.get(f"/orders/{paid['id']}") == paid


async def test_O6_the_rest_stays_open(api: Api, paid: dict[str, Any]) -> None:
    change = {"tracking_url": "https://carrier.example/1", "shipping_status": "shipped", "notes": "x", "title": "Mine"}
    answer = await api.ask("PATCH", f"/orders/{paid['id']}", json=change)
    assert answer.status == 200
    assert {name: answer.json[name] for name in change} == change
    assert answer.json["amount"] == paid["amount"]


async def test_O10_its_payment_status_is_explained_by_the_events(api: Api, paid: dict[str, Any]) -> None:
    told = await api.get(f"/orders/{paid['id']}/explain")
    assert (told["payment_status"], told["derived"]) == ("paid", True)
    assert told["received"] == sum(payment["counted"] for payment in told["payments"]) == paid["amount_paid"]
    assert [statement["at"] for statement in told["statements"]] == sorted(s["at"] for s in told["statements"])
    events = {statement["event_id"] for statement in told["statements"]}
    async with api.shop.ctx.pool.acquire() as connection:
        known = await event_reads.read(connection, Reach(api.shop.account_id), sorted(events))
    assert len(known) == len(events) > 0
    [entry, *_] = (await api.get(f"/orders/{paid['id']}/timeline"))["items"][::-1]
    assert entry["event_ids"][0] in events
    page = await api.get(f"/events?q={paid['stripe']['payment_intent_id']}")
    assert {event["id"] for event in page["items"]} >= events


@pytest.mark.parametrize("noun", ["payments", "refunds", "items", "charges"])
async def test_O6_what_stripe_manages_takes_no_payment_line_or_charge_by_hand(
    api: Api, paid: dict[str, Any], noun: str
) -> None:
    body = {"items": {"name": "A"}, "charges": {"kind": "shipping", "value": 1}}.get(noun, {"amount": 1})
    refused = await api.ask("POST", f"/orders/{paid['id']}/{noun}", json=body)
    assert (refused.status, refused.json["code"], refused.json["locked_fields"]) == (409, "locked", [noun])
