"""Events over the API: what arrived, word for word, and what became of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from tests.world import NOW
from worker.ids import new_id
from worker.store import inbox

FIELDS = [
    "id",
    "connection",
    "provider",
    "topic",
    "delivery_id",
    "state",
    "reason",
    "attempts",
    "next_attempt_at",
    "livemode",
    "occurred_at",
    "received_at",
    "applied_at",
    "order_ids",
]


async def stored(api: Api, connection: str = "stripe", topic: str = "charge.succeeded", **fields: Any) -> str:
    """An event put straight into the inbox; its id."""
    event_id = new_id()
    given: dict[str, Any] = {
        "account_id": api.shop.account_id, "id": event_id, "connection_id": api.shop.connections[connection],
        "dedupe": bytes.fromhex(event_id.replace("-", "")), "delivery_id": f"evt_{event_id}", "topic": topic,
        "lane": "payments", "livemode": True, "occurred_at": None, "received_at": datetime.fromtimestamp(NOW, UTC),
        "headers": "{}", "body": b'{"id": "evt"}', "sound": True,
    }  # fmt: skip
    await inbox.store(api.shop.ctx.pool, [inbox.NewEvent(**{**given, **fields})])
    return event_id


async def settle(api: Api, event_id: str, state: str, dossier_id: str | None = None) -> None:
    async with api.shop.ctx.pool.acquire() as connection:
        outcome = inbox.Outcome(event_id, state, "a reason", dossier_id)
        await inbox.settle(connection, api.shop.account_id, [outcome])


async def test_an_event_tells_what_became_of_it(api: Api) -> None:
    order = await api.order(await api.contact())
    event_id = await stored(api, occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    event = await api.get(f"/events/{event_id}")
    assert set(FIELDS) <= set(event)
    assert (event["state"], event["order_ids"], event["applied_at"]) == ("received", [], None)
    assert event["occurred_at"] == "2026-01-01T00:00:00Z"
    assert event["next_attempt_at"].endswith("Z")
    await settle(api, event_id, "applied", order["id"])
    event = await api.get(f"/events/{event_id}")
    assert (event["state"], event["attempts"], event["order_ids"]) == ("applied", 1, [order["id"]])
    assert event["applied_at"] is not None
    await settle(api, event_id, "dead")
    event = await api.get(f"/events/{event_id}")
    assert (event["state"], event["reason"], event["applied_at"]) == ("dead", "a reason", None)


@pytest.mark.parametrize("body", [b'{"a": 1e400000, "b": "\\u0000"}', b'  {"html": "<script>"} \n', b'{"\xc3\xa9": 1}'])
async def test_the_body_is_given_back_byte_for_byte_and_never_as_a_page(api: Api, body: bytes) -> None:
    event_id = await stored(api, body=body)
    answer = await api.ask("GET", f"/events/{event_id}/body")
    assert answer.raw == body
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/json"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_replay_sets_it_back_and_signals_it(api: Api) -> None:
    event_id = await stored(api)
    await settle(api, event_id, "dead")
    replayer = await api.token("rep", Permission.OPS_REPLAY)
    answer = await api.ask("POST", f"/events/{event_id}/replay", token=replayer)
    assert (answer.status, answer.json["state"], answer.json["attempts"]) == (202, "received", 0)
    assert api.shop.ctx.lanes.signalled == [event_id]  # type: ignore[attr-defined]
    assert (await api.ask("POST", f"/events/{new_id()}/replay")).status == 404


async def test_filters_find_what_they_name(api: Api) -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    order = await api.order(await api.contact(), external_id="ext-7")
    first = await stored(api, topic="charge.succeeded", received_at=at - timedelta(hours=2))
    second = await stored(api, topic="charge_refunded", received_at=at - timedelta(hours=1), delivery_id="evt_2")
    third = await stored(api, "shopify", "orders/create", received_at=at)
    await settle(api, second, "dead")
    await settle(api, third, "applied", order["id"])
    await api.shop.ctx.pool.execute(
        "INSERT INTO links VALUES ($1, 'stripe:pi_9', $2), ($1, 'shopify:1001', $2)", api.shop.account_id, order["id"]
    )
    received = (at - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    for query, found in {
        "": [third, second, first], "connection=stripe": [second, first], "connection=nobody": [], "state=dead": [second],
        "state=received": [first], "state=applied": [third], "topic=orders/create": [third], "topic=charge.*": [first],
        "topic=charge_*": [second], "topic=*": [third, second, first], f"received_from={received}": [third, second],
        f"received_to={received}": [first], "q=evt_2": [second], f"q={first}": [first], f"q={order['id']}": [third],
        "q=pi_9": [third], "q=1001": [third], "q=ext-7": [third], "q=nothing": [], "q=%27": [],
        "connection=stripe&state=dead&q=evt_2": [second],
    }.items():  # fmt: skip
        page = await api.get(f"/events?{query}")
        assert ids(page["items"]) == found, query
    for query in ("state=lost", "q=%00", "cursor=W10", "limit=1000"):
        assert (await api.ask("GET", f"/events?{query}")).status == 422


async def test_D3_a_reason_finds_the_events_that_share_it_apart_from_ids_and_numbers(api: Api) -> None:
    made = {}
    for name, state, reason in (
        ("first", "dead", "no order 17"), ("second", "dead", "no order 18"), ("waits", "waiting", "no order 17"),
        ("other", "dead", "no contact 17"), ("ignored", "ignored", "no order 17"),
    ):  # fmt: skip
        made[name] = await stored(api)
        async with api.shop.ctx.pool.acquire() as connection:
            await inbox.settle(connection, api.shop.account_id, [inbox.Outcome(made[name], state, reason, None)])
    for query, found in {
        "reason=no+order+…": ["waits", "second", "first"], "reason=no+order+99&state=dead": ["second", "first"],
        "reason=no+order+…&state=ignored": ["ignored"], "reason=no+contact+17": ["other"], "reason=no+order": [],
        "reason=no+order+…&connection=shopify": [],
    }.items():  # fmt: skip
        assert sorted(ids((await api.get(f"/events?{query}"))["items"])) == sorted(made[name] for name in found), query


async def test_pages_are_stable_while_events_arrive(api: Api) -> None:
    made = sorted([await stored(api) for _ in range(5)])  # all of one instant: their ids decide
    first = await api.get("/events?limit=2")
    later = await stored(api, received_at=datetime.fromtimestamp(NOW + 1, UTC))
    rest = await api.get(f"/events?limit=10&cursor={first['next_cursor']}")
    assert ids(first["items"]) + ids(rest["items"]) == made[::-1]
    assert ids(await api.pages("/events", 3)) == [later, *made[::-1]]


async def test_the_events_of_another_account_are_not_there(api: Api) -> None:
    event_id = await stored(api)
    stranger = await api.other_account()
    for method, path in (("GET", ""), ("GET", "/body"), ("POST", "/replay")):
        assert (await api.ask(method, f"/events/{event_id}{path}", token=stranger)).status == 404
    assert (await api.get("/events", token=stranger))["items"] == []
    assert (await api.get(f"/events?q={event_id}", token=stranger))["items"] == []
    assert json.loads((await api.ask("GET", f"/events/{event_id}")).raw)["state"] == "received"
