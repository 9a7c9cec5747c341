"""Deals over the API, and their orders."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from worker.ids import new_id
from worker.store import tokens


async def test_a_deal_is_made_read_and_changed(api: Api) -> None:
    contact_id, owner_id = await api.contact(), await api.token_id()
    body = {"title": "Beans", "contact_id": contact_id, "owner_id": owner_id, "amount": 500, "currency": "USD"}
    made = await api.ask("POST", "/deals", json=body)
    path = f"/deals/{made.json['id']}"
    assert (made.status, made.headers["Location"], made.headers["ETag"]) == (201, f"/api/v1{path}", '"1"')
    assert {name: made.json[name] for name in body} == body
    assert (made.json["status"], made.json["version"]) == ("open", 1)
    assert await api.get(path) == made.json
    changed = await api.ask("PATCH", path, json={"status": "won", "amount": None}, headers={"If-Match": '"1"'})
    assert (changed.json["status"], changed.json["amount"], changed.json["title"]) == ("won", None, "Beans")
    assert changed.headers["ETag"] == '"2"'
    assert (await api.ask("PATCH", path, json={"status": "lost"}, headers={"If-Match": '"1"'})).status == 412
    assert (await api.ask("PATCH", path, json={"status": "won"})).headers["ETag"] == '"2"', "nothing changed"


async def test_of_two_changes_of_one_version_one_is_made(api: Api) -> None:
    path = f"/deals/{await api.deal()}"
    answers = await asyncio.gather(
        *(api.ask("PATCH", path, json={"title": str(n)}, headers={"If-Match": '"1"'}) for n in range(6))
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 5


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"status": "maybe"}, "status"),
        ({"amount": -1}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"currency": "ZZZ"}, "currency"),
        ({"contact_id": new_id()}, "contact_id"),
        ({"contact_id": "x"}, "contact_id"),
        ({"owner_id": new_id()}, "owner_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/deals", json={"title": "Beans", **wrong})
    assert (answer.status, answer.fields) == (422, [field])
    answer = await api.ask("PATCH", f"/deals/{await api.deal()}", json=wrong)
    assert (answer.status, answer.fields) == (422, [field])


async def test_filters_find_what_they_name_in_stable_pages(api: Api) -> None:
    contact_id, owner_id = await api.contact(), await api.token_id()
    beans = await api.deal(title="Coffee beans", contact_id=contact_id)
    tea = await api.deal(title="Green tea", owner_id=owner_id, status="won")
    for query, found in {
        "": [tea, beans], f"contact_id={contact_id}": [beans], f"owner_id={owner_id}": [tea], "status=won": [tea],
        "q=bea": [beans], "q=GREEN%20te": [tea], "q=%27": [], "status=lost": [], "status=won&q=coffee": [],
    }.items():  # fmt: skip
        assert ids((await api.get(f"/deals?{query}"))["items"]) == found, query
    for query in ("status=maybe", "contact_id=x", "q=", "limit=0", "cursor=abc", "colour=red"):
        assert (await api.ask("GET", f"/deals?{query}")).status == 422, query
    first = await api.get("/deals?limit=1")
    await api.deal()
    assert ids((await api.get(f"/deals?limit=1&cursor={first['next_cursor']}"))["items"]) == [beans]
    assert len(await api.pages("/deals", 2)) == 3


async def test_O11_the_orders_of_a_deal_are_found_by_it(api: Api) -> None:
    deal, contact_id = await api.deal(), await api.contact()
    first, second = [(await api.order(contact_id, deal_id=deal))["id"] for _ in range(2)]
    await api.order(contact_id)
    assert ids((await api.get(f"/orders?deal_id={deal}"))["items"]) == [second, first]
    assert (await api.get(f"/orders?deal_id={await api.deal()}"))["items"] == []


async def test_an_order_names_a_deal_and_people_who_are_there(api: Api) -> None:
    order, unknown = await api.order(await api.contact()), new_id()
    other = await api.other_account()
    elsewhere = await tokens.find(api.shop.ctx.pool, other)
    foreign = (await api.post("/deals", {"title": "x"}, token=other))["id"]
    assert elsewhere
    for field, value, code in (
        ("deal_id", unknown, "deal_unknown"), ("deal_id", foreign, "deal_unknown"), ("owner_id", unknown, "owner_unknown"),
        ("manager_id", unknown, "owner_unknown"), ("owner_id", elsewhere.token_id, "owner_unknown"),
    ):  # fmt: skip
        created = await api.ask("POST", "/orders", json={"contact_id": order["contact_id"], "amount": 1, field: value})
        changed = await api.ask("PATCH", f"/orders/{order['id']}", json={field: value})
        for answer in (created, changed):
            assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field])
    good = {"deal_id": await api.deal(), "owner_id": await api.token_id(), "manager_id": await api.token_id("manager")}
    changed = await api.ask("PATCH", f"/orders/{order['id']}", json=good)
    assert {name: changed.json[name] for name in good} == good
    cleared = await api.ask("PATCH", f"/orders/{order['id']}", json=dict.fromkeys(good))
    assert {name: cleared.json[name] for name in good} == dict.fromkeys(good)


async def test_H2_a_manager_changes_only_the_contacts_and_deals_they_own(api: Api) -> None:
    manager = await api.token("manager", Permission.CRM_MANAGE)
    mine = await tokens.find(api.shop.ctx.pool, manager)
    assert mine
    for noun, body, change in (
        ("contacts", {"name": "Ana"}, {"name": "Ana Silva"}),
        ("deals", {"title": "Beans"}, {"title": "Tea"}),
    ):
        theirs = await api.post(f"/{noun}", body)
        own = await api.post(f"/{noun}", body, token=manager)
        assert own["owner_id"] == mine.token_id
        assert (await api.ask("PATCH", f"/{noun}/{own['id']}", json=change, token=manager)).status == 200
        answer = await api.ask("PATCH", f"/{noun}/{theirs['id']}", json=change, token=manager)
        assert (answer.status, answer.json["code"]) == (403, "not_owner")
        assert noun in answer.json["detail"]
        assert (await api.get(f"/{noun}/{theirs['id']}", token=manager))["id"] == theirs["id"]
        answer = await api.ask("POST", f"/{noun}", json={**body, "owner_id": theirs["owner_id"] or await api.token_id()},
                               token=manager)  # fmt: skip
        assert answer.status == 403
