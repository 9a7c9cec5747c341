"""Many orders in one request (H3): each made or refused by itself, and idempotent by its external id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from pydantic import BaseModel

from schemas.account import Actor, Permission
from tests.api.conftest import Api
from tests.world import edited, payload
from worker.actions import order_making as actions
from worker.api import orders_bulk
from worker.context import Context
from worker.ids import new_id


async def bulk(api: Api, rows: Sequence[Any], **more: Any) -> list[dict[str, Any]]:
    found = await api.post("/orders/bulk", {"orders": list(rows)}, status=200, **more)
    assert [result["index"] for result in found["results"]] == list(range(len(rows)))
    assert found["created"] == sum(result["status"] == 201 for result in found["results"])
    return list(found["results"])


async def test_H3_a_thousand_orders_are_made_in_their_order_and_numbered_without_gaps(api: Api) -> None:
    contact_id = await api.contact()
    rows = [{"contact_id": contact_id, "external_id": f"x-{n}", "title": "Same", "amount": n + 1} for n in range(1000)]
    results = await bulk(api, rows)
    assert {result["status"] for result in results} == {201}
    orders = await api.shop.rows("SELECT id, number, external_id, amount FROM orders ORDER BY number")
    assert [order["id"] for order in orders] == [result["id"] for result in results]
    assert [order["number"] for order in orders] == list(range(1, 1001))
    assert [(order["external_id"], order["amount"]) for order in orders] == [(f"x-{n}", n + 1) for n in range(1000)]
    again = await bulk(api, rows)
    assert {result["status"] for result in again} == {200}
    assert [result["id"] for result in again] == [result["id"] for result in results]
    assert (await api.ask("POST", "/orders/bulk", json={"orders": rows + rows[:1]})).fields == ["orders"]


async def test_H3_an_order_of_a_bulk_is_the_order_that_a_single_request_makes(api: Api) -> None:
    contact_id = await api.contact()
    body = {
        "contact_id": contact_id, "title": "Beans", "due_at": "2030-01-01T00:00:00Z", "billing_address": {"city": "Rio"},
        "items": [{"name": "Coffee", "sku": "C", "unit_price": 1000, "quantity": "1.5", "tax_rate": "22"}],
        "charges": [{"kind": "shipping", "value": 150}], "shipping_status": "shipped", "status": "draft",
    }  # fmt: skip
    single = await api.order(**{**body, "external_id": "one"})
    [result] = await bulk(api, [{**body, "external_id": "two"}])
    other = await api.get(f"/orders/{result['id']}")
    own = {"id", "number", "external_id", "slug", "created_at", "updated_at", "ordered_at"}
    plain = [{**order, "items": [{**item, "id": ""} for item in order["items"]], "charges": len(order["charges"])}
             for order in (single, other)]  # fmt: skip
    assert {k: v for k, v in plain[0].items() if k not in own} == {k: v for k, v in plain[1].items() if k not in own}
    [entry] = (await api.get(f"/orders/{result['id']}/timeline"))["items"]
    assert entry["actor"] == "token:first admin"
    assert (await api.post("/orders", {**body, "external_id": "two"}, status=200))["id"] == result["id"]


async def test_H3_a_bad_row_fails_no_other(api: Api) -> None:
    contact_id = await api.contact()
    good = {"contact_id": contact_id, "amount": 1}
    await api.post("/orders", {**good, "external_id": "taken", "title": "Before"})
    rows: list[Any] = [
        {**good, "external_id": "a"}, {"amount": 1}, {**good, "amount": -1}, 7, None,
        {**good, "contact_id": new_id()}, {**good, "currency": "ZZZ"}, {**good, "external_id": "taken", "title": "Else"},
        {**good, "external_id": "a"}, {**good, "external_id": "a", "amount": 2}, {**good, "items": [{"name": "a", "quantity": 0}]},
        {**good, "charges": [{"kind": "discount", "value": 10}]}, good, good,
    ]  # fmt: skip
    results = await bulk(api, rows)
    assert [result["status"] for result in results] == [
        201,
        422,
        422,
        422,
        422,
        422,
        422,
        409,
        200,
        409,
        422,
        422,
        201,
        201,
    ]
    assert results[8]["id"] == results[0]["id"]
    fields = [[error["field"] for error in (result["problem"] or {}).get("errors") or ()] for result in results]
    assert fields[1:3] == [["contact_id"], ["amount"]]
    assert fields[5:8] == [["contact_id"], ["currency"], ["title"]]
    assert fields[9:12] == [["amount"], ["items.0.quantity"], ["amount"]]
    assert all((result["problem"] is None) == (result["id"] is not None) for result in results)
    assert all(result["problem"]["status"] == result["status"] for result in results if result["problem"])
    numbers = [row["number"] for row in await api.shop.rows("SELECT number FROM orders ORDER BY number")]
    assert numbers == [1, 2, 3, 4]


async def test_O1_many_bulks_and_single_requests_at_once_make_each_order_once(api: Api) -> None:
    contact_id = await api.contact()
    rows = [{"contact_id": contact_id, "external_id": f"x-{n}", "amount": 1} for n in range(40)]
    singles = (api.ask("POST", "/orders", json=row) for row in rows)
    found = await asyncio.gather(*(bulk(api, rows[::step]) for step in (1, -1, 1)), *singles)
    made: dict[str, set[str]] = {}
    for results in found[:3]:
        for result in results:
            made.setdefault(result["external_id"], set()).add(result["id"])
    for answer in found[3:]:
        made[answer.json["external_id"]].add(answer.json["id"])
    assert [len(seen) for seen in made.values()] == [1] * 40
    assert len(await api.shop.rows("SELECT id FROM orders")) == 40


async def test_H3_what_keeps_some_from_being_made_together_keeps_none_from_being_made(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = actions.create

    async def broken(*_: Any) -> Any:
        raise asyncpg.DeadlockDetectedError("both waited")

    async def odd(ctx: Context, actor: Actor, request: BaseModel) -> tuple[str, bool]:
        if getattr(request, "external_id", None) == "odd":
            raise KeyError("hush")
        return await create(ctx, actor, request)

    monkeypatch.setattr(actions, "_create_together", broken)
    monkeypatch.setattr(actions, "create", odd)
    contact_id = await api.contact()
    rows = [{"contact_id": contact_id, "external_id": name, "amount": 1} for name in ("a", "odd", "b")]
    results = await bulk(api, rows)
    assert [result["status"] for result in results] == [201, 500, 201]
    assert "hush" not in json.dumps(results)


async def test_H3_a_managers_orders_are_theirs(api: Api) -> None:
    manager = await api.token("manager", Permission.CRM_MANAGE)
    good = {"contact_id": await api.contact(), "amount": 1}
    results = await bulk(api, [good, {**good, "owner_id": new_id()}], token=manager)
    assert [result["status"] for result in results] == [201, 403]
    assert (await api.get(f"/orders/{results[0]['id']}"))["owner_id"] is not None
    assert (await api.ask("POST", "/orders/bulk", json={"orders": [good]}, token=await api.token("rep"))).status == 403


async def test_H3_a_payment_that_waits_for_an_order_of_a_bulk_joins_it(api: Api) -> None:
    session = payload("stripe", "checkout_session_completed__2020-08-27.json")
    await api.shop.deliver("stripe", edited(session, data__object__client_reference_id="named"))
    [waiting] = (await api.get("/orders"))["items"]
    [result] = await bulk(api, [{"contact_id": await api.contact(), "external_id": "named", "amount": 3000}])
    assert (await api.ask("GET", f"/orders/{waiting['id']}")).json["id"] == result["id"]


async def test_H3_more_bulks_than_can_wait_are_told_to_come_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_bulk, "WAITING", 0)
    began, go_on = asyncio.Event(), asyncio.Event()
    many = actions.create_many

    async def slow(*given: Any) -> Any:
        began.set()
        await go_on.wait()
        return await many(*given)

    monkeypatch.setattr(actions, "create_many", slow)
    body = {"orders": [{"contact_id": await api.contact(), "amount": 1}]}
    first = asyncio.create_task(api.ask("POST", "/orders/bulk", json=body))
    await began.wait()
    told = await api.ask("POST", "/orders/bulk", json=body)
    assert (told.status, told.json["code"], told.headers["Retry-After"]) == (503, "bulk_busy", "5")
    assert (await api.ask("GET", "/orders")).status == 200, "others are not held up"
    go_on.set()
    assert (await first).status == 200


async def test_H3_what_is_no_list_of_orders_is_refused(api: Api) -> None:
    for body in ({}, [], {"orders": []}, {"orders": {}}, {"orders": None}, {"orders": [{}], "more": 1}):
        assert (await api.ask("POST", "/orders/bulk", json=body)).status == 422, body
