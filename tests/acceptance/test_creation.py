"""One external id makes one order, however many ask for it at once (O1), and secrets stay secret (I5)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from tests.server import Server
from tests.world import SECRETS


async def a_contact(server: Server) -> str:
    status, contact, _ = await server.api("POST", "/contacts", {"email": "buyer@example.com", "name": "Buyer"})
    assert status == 201
    return str(contact["id"])


def feed(external_id: str, version: int) -> bytes:
    return json.dumps(
        {
            "type": "order.upserted",
            "timestamp": f"2026-01-01T00:{version // 60:02}:{version % 60:02}Z",
            "data": {
                "external_id": external_id,
                "version": version,
                "currency": "BRL",
                "customer": {"id": "7", "email": "buyer@example.com"},
                "items": [{"sku": "A", "name": "Thing", "quantity": 1, "unit_price": 100 + version}],
                "payment_status": "pending",
            },
        }
    ).encode()


async def test_O1_a_thousand_creations_of_one_external_id_at_once_over_the_api_make_one_order(server: Server) -> None:
    body = {"contact_id": await a_contact(server), "external_id": "order-1", "amount": 5000, "title": "Workshop"}
    answers = await asyncio.gather(*(server.api("POST", "/orders", body) for _ in range(1000)))
    assert Counter(status for status, _, _ in answers) == {201: 1, 200: 999}
    assert len({order["id"] for _, order, _ in answers}) == 1
    status, problem, _ = await server.api("POST", "/orders", {**body, "amount": 6000})
    assert status == 409
    assert [error["field"] for error in problem["errors"]] == ["amount"]


async def test_H4_a_thousand_creations_at_once_under_one_key_make_one_order_and_get_one_answer(server: Server) -> None:
    body = {"contact_id": await a_contact(server), "amount": 5000}  # without an external id: the key alone holds them
    answers = await asyncio.gather(
        *(server.api("POST", "/orders", body, **{"Idempotency-Key": "one"}) for _ in range(1000))
    )
    told = Counter(status for status, _, _ in answers)
    assert told[201] >= 1
    assert set(told) <= {201, 409}, "who waited too long is told to come again"
    made = {order["id"] for status, order, _ in answers if status == 201}
    assert len(made) == len((await server.api("GET", "/orders"))[1]["items"]) == 1
    assert {problem["code"] for status, problem, _ in answers if status == 409} <= {"idempotency_key_in_flight"}
    assert (await server.api("POST", "/orders", body, **{"Idempotency-Key": "one"}))[1]["id"] in made


async def test_O1_a_thousand_webhooks_of_one_external_id_make_one_order_and_two_origins_are_two(server: Server) -> None:
    sent = await asyncio.gather(*(server.send("standard", feed("order-1", version)) for version in range(1000)))
    assert {status for status, _ in sent} == {200}
    ids = [answer["event"] for _, answer in sent]
    await asyncio.gather(*(server.shop.apply(ids[start : start + 40]) for start in range(0, len(ids), 40)))
    while left := await server.shop.rows("SELECT event_id FROM event_states WHERE state IN ('received', 'retrying')"):
        await server.shop.apply([row["event_id"] for row in left])
    contact = (await server.shop.rows("SELECT id FROM contacts"))[0]["id"]
    await server.api("POST", "/orders", {"contact_id": contact, "external_id": "order-1", "amount": 5000})
    _, listed, _ = await server.api("GET", "/orders?external_id=order-1")
    found: dict[str, dict[str, Any]] = {order["origin"]: order for order in listed["items"]}
    assert set(found) == {"standard", "api"}
    assert len(listed["items"]) == 2
    assert found["standard"]["amount"] == 100 + 999, "the newest version wins"
    assert sorted(order["number"] for order in found.values()) == [1, 2]
    assert len(await server.shop.rows("SELECT id FROM contacts")) == 1


async def test_I5_no_secret_and_no_token_is_stored_in_clear(server: Server) -> None:
    await server.api("POST", "/connections", {"name": "second", "provider": "stripe", "secret": "whsec_very_secret"})
    tables = await server.shop.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    stored = ""
    for table in tables:
        rows = await server.shop.rows(
            f"SELECT t::text AS content, encode(convert_to(t::text, 'UTF8'), 'hex') AS hex FROM {table['name']} t"
        )
        stored += "".join(row["content"] + row["hex"] for row in rows)
    for secret in ("whsec_very_secret", server.admin, *SECRETS.values()):
        assert secret not in stored
        assert secret.encode().hex() not in stored
    _, listed, _ = await server.api("GET", "/connections")
    assert "whsec_very_secret" not in json.dumps(listed)
