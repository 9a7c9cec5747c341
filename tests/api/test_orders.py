"""Orders over the API: made, changed, listed, explained."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Actor
from tests.api.conftest import Api, ids
from worker.actions import orders as actions
from worker.context import Context
from worker.ids import new_id
from worker.store import dossiers, orders
from worker.store.db import transaction

O3 = [
    "id",
    "number",
    "title",
    "slug",
    "type",
    "template_id",
    "status",
    "payment_status",
    "shipping_status",
    "source",
    "managed_by",
    "origin",
    "external_id",
    "contact_id",
    "deal_id",
    "owner_id",
    "parent_id",
    "location_id",
    "destination_location_id",
    "offer_id",
    "manager_id",
    "sales_status",
    "sale_kind",
    "sale_confirmed_at",
    "sale_confirmed_by",
    "payment_type",
    "external_number",
    "livemode",
    "notes",
    "currency",
    "amount",
    "shipping_amount",
    "amount_paid",
    "amount_refunded",
    "is_paid",
    "ordered_at",
    "paid_at",
    "due_at",
    "billing_address",
    "shipping_address",
    "tracking_url",
    "items",
    "charges",
    "summary",
    "payments",
    "refunds",
    "disputes",
    "stripe",
    "locked_fields",
    "version",
    "created_at",
    "updated_at",
]


async def test_O3_an_order_has_the_fields_of_the_contract_and_no_other(api: Api) -> None:
    order = await api.order(await api.contact())
    assert sorted(order) == sorted(O3)
    assert (order["origin"], order["source"], order["managed_by"]) == ("api", "api", "manual")
    assert (order["amount"], order["currency"], order["status"], order["payment_status"]) == (
        2000,
        "BRL",
        "new",
        "pending",
    )
    assert order["created_at"].endswith("Z")
    assert order["items"][0]["quantity"] == 2
    assert order["locked_fields"] == []
    assert await api.get(f"/orders/{order['id']}") == order


async def test_quantities_are_integers_or_decimal_strings(api: Api) -> None:
    items = [{"name": "a", "quantity": 3}, {"name": "b", "quantity": "1.50"}, {"name": "c", "quantity": "2.000"}]
    order = await api.order(await api.contact(), items=items)
    assert [item["quantity"] for item in order["items"]] == [3, "1.5", 2]


async def test_O3_all_that_may_be_given_is_kept(api: Api) -> None:
    offer = await api.post("/offers", {"name": "Beans", "unit_price": 1000, "currency": "JPY"})
    given: dict[str, Any] = {
        "title": "Beans", "currency": "JPY", "external_id": "x-1", "due_at": "2030-01-01T00:00:00Z",
        "ordered_at": "2026-01-02T03:04:05.678901+02:00", "shipping_status": "shipped", "notes": "ring twice",
        "tracking_url": "https://carrier.example/1", "billing_address": {"name": "Ana", "line2": ""},
        "owner_id": await api.token_id("admin"), "manager_id": await api.token_id("manager"), "deal_id": await api.deal(),
        "offer_id": offer["id"], "location_id": await api.location(),
        "destination_location_id": await api.location("store"), "status": "draft",
    }  # fmt: skip
    charges = [
        {"kind": "discount", "mode": "percent", "of": "subtotal", "value": "10"},
        {"kind": "shipping", "value": 150},
        {"kind": "other", "value": 50, "sign": -1},
    ]
    items = [{"name": "Coffee", "sku": "C", "unit_price": 1000, "quantity": 2, "tax_rate": "22", "discount": 100}]
    order = await api.order(await api.contact(), **given, charges=charges, items=items)
    assert {name: order[name] for name in given if name not in ("ordered_at", "billing_address")} == {
        name: value for name, value in given.items() if name not in ("ordered_at", "billing_address")
    }
    assert order["ordered_at"] == "2026-01-02T01:04:05.678901Z"
    assert order["billing_address"]["name"] == "Ana"
    assert [charge["amount"] for charge in order["charges"]] == [-190, 150, -50]
    assert [charge["value"] for charge in order["charges"]] == ["10", 150, 50]
    assert order["amount"] == 2000 - 100 + 418 - 190 + 150 - 50 == order["summary"]["order_total"]
    assert order["shipping_amount"] == 150


async def test_an_amount_without_items_is_one_line_named_by_the_title(api: Api) -> None:
    contact_id = await api.contact()
    order = await api.post("/orders", {"contact_id": contact_id, "amount": 990, "title": "A course"})
    assert [(item["name"], item["total"]) for item in order["items"]] == [("A course", 990)]
    answer = await api.ask(
        "POST", "/orders", json={"contact_id": contact_id, "amount": 1, "items": [{"name": "a", "unit_price": 1}]}
    )
    assert (answer.status, answer.fields) == (422, ["amount"])


async def test_O1_the_same_external_id_makes_one_order(api: Api) -> None:
    body = {"contact_id": await api.contact(), "external_id": "one", "amount": 500}
    first = await api.ask("POST", "/orders", json=body)
    assert first.status == 201
    assert first.headers["Location"] == f"/api/v1/orders/{first.json['id']}"
    assert first.headers["ETag"] == '"1"'
    again = await api.ask("POST", "/orders", json=body)
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    differs = await api.ask("POST", "/orders", json={**body, "amount": 501, "notes": "x"})
    assert (differs.status, differs.json["code"], differs.fields) == (409, "external_id_differs", ["amount", "notes"])
    assert differs.json["order_id"] == first.json["id"]
    other = await api.ask("POST", "/orders", json={**body, "external_id": "two"})
    assert other.status == 201


async def test_O1_many_at_once_make_one_order(api: Api) -> None:
    body = {"contact_id": await api.contact(), "external_id": "crowd", "amount": 500}
    answers = await asyncio.gather(*(api.ask("POST", "/orders", json=body) for _ in range(60)))
    assert sorted({answer.status for answer in answers}) == [200, 201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert [answer.status for answer in answers].count(201) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"contact_id": "00000000-0000-7000-8000-000000000000"}, "contact_id"),
        ({"contact_id": "nobody"}, "contact_id"),
        ({"deal_id": "00000000-0000-7000-8000-000000000000"}, "deal_id"),
        ({"owner_id": "00000000-0000-7000-8000-000000000000"}, "owner_id"),
        ({"manager_id": "00000000-0000-7000-8000-000000000000"}, "manager_id"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": None, "nonsense": 1}, "nonsense"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"title": "a\x00b"}, "title"),
        ({"items": [{"name": "a"}, {"name": "b", "quantity": "1,5"}]}, "items.1.quantity"),
        ({"items": [{"name": "a", "quantity": 0}]}, "items.0.quantity"),
        ({"items": [{"name": "a", "unit_price": 2**53 - 1, "quantity": 2}]}, "amount"),
        ({"items": [{"unit_price": 1}]}, "items.0.name"),
        ({"charges": [{"kind": "gift", "value": 1}]}, "charges.0.kind"),
        ({"charges": [{"kind": "discount", "value": 10}]}, "amount"),
        ({"charges": [{"kind": "shipping", "value": "1.5"}]}, "charges.0"),
        ({"due_at": "tomorrow"}, "due_at"),
        ({"due_at": "2026-02-30T00:00:00Z"}, "due_at"),
        ({"due_at": "2026-01-01T00:00:00"}, "due_at"),
        ({"due_at": "9999-12-31T23:59:59-23:59"}, "due_at"),
        ({"status": "void"}, "status"),
        ({"payment_status": "partially_paid"}, "amount_paid"),
        ({"tracking_url": "javascript:alert(1)"}, "tracking_url"),
        ({"owner_id": "me"}, "owner_id"),
    ],
)
async def test_H4_what_is_wrong_is_named(api: Api, wrong: dict[str, Any], field: str) -> None:
    answer = await api.ask("POST", "/orders", json={"contact_id": await api.contact(), **wrong})
    assert (answer.status, answer.fields[0]) == (422, field)


async def test_a_change_keeps_what_is_not_named_and_clears_what_is_null(api: Api) -> None:
    order = await api.order(await api.contact(), notes="old", due_at="2030-01-01T00:00:00Z")
    changed = await api.ask("PATCH", f"/orders/{order['id']}", json={"notes": None, "title": "New"})
    assert changed.status == 200
    assert (changed.json["notes"], changed.json["title"], changed.json["due_at"]) == (
        None,
        "New",
        "2030-01-01T00:00:00Z",
    )
    assert changed.headers["ETag"] == '"2"'
    for body in ({"currency": None}, {"external_id": "x"}, {"contact_id": None}, {"template": "sale"}):
        answer = await api.ask("PATCH", f"/orders/{order['id']}", json=body)
        assert (answer.status, answer.fields) == (422, list(body))


async def test_H4_a_change_of_what_was_not_seen_is_refused(api: Api) -> None:
    order = await api.order(await api.contact())
    path = f"/orders/{order['id']}"
    for tag, status in (
        ('"9"', 412),
        ('W/"1"', 412),
        ("1", 412),
        ('"7", "1"', 200),
        ('"1"', 412),
        ('"2"', 200),
        ("*", 200),
    ):
        answer = await api.ask("PATCH", path, json={"notes": f"by {tag}"}, headers={"If-Match": tag})
        assert answer.status == status, tag


async def test_H4_of_two_changes_of_one_version_one_is_made(api: Api) -> None:
    order = await api.order(await api.contact())
    answers = await asyncio.gather(
        *(
            api.ask("PATCH", f"/orders/{order['id']}", json={"notes": str(n)}, headers={"If-Match": '"1"'})
            for n in range(8)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 7


async def test_H4_filters_find_what_they_name(api: Api) -> None:
    ana, bob = await api.contact(), await api.contact("bob@example.com")
    beans = await api.order(ana, external_id="Shop-1001", title="Coffee beans from Ethiopia", payment_status="paid")
    tea = await api.order(bob, external_id="shop-2002", title="Green tea", status="draft")
    found = {
        "external_id=Shop-1001": [beans], f"contact_id={bob}": [tea], "status=draft": [tea], "payment_status=paid": [beans],
        "origin=api": [tea, beans], "origin=stripe": [], "source=api&managed_by=manual": [tea, beans], "source=commerce": [],
        f"created_from={tea['created_at']}": [tea], f"created_to={tea['created_at']}": [beans],
        "q=shop-": [tea, beans], "q=SHOP-1": [beans], "q=bean": [beans], "q=ethiopia%20cof": [beans], "q=ean": [],
        f"q={tea['number']}": [tea], f"q=%23{beans['number']}": [beans], "q=%25": [], "q=%27%20OR%20true": [],
        "q=beans&status=draft": [], "q=99999999999999999999999": [], "q=%5C": [], "q=%F0%9F%98%80": [],
    }  # fmt: skip
    for query, expected in found.items():
        page = await api.get(f"/orders?{query}")
        assert ids(page["items"]) == ids(expected), query
    for query in ("status=lost", "limit=0", "limit=101", "limit=x", "colour=red", "status=new&status=draft", "q=",
                  "cursor=abc", "cursor=!", "created_from=2026", "contact_id=x", "q=%00"):  # fmt: skip
        assert (await api.ask("GET", f"/orders?{query}")).status == 422, query


async def test_a_time_whose_plus_was_not_escaped_is_understood(api: Api) -> None:
    await api.order(await api.contact())
    assert len((await api.get("/orders?created_from=2020-01-01T00:00:00+02:00"))["items"]) == 1


async def test_H4_pages_are_stable_while_orders_are_added(api: Api) -> None:
    contact_id = await api.contact()
    made = [(await api.order(contact_id, title=str(n)))["id"] for n in range(7)]
    first = await api.get("/orders?limit=3")
    assert ids(first["items"]) == made[::-1][:3]
    await api.order(contact_id)
    second = await api.get(f"/orders?limit=3&cursor={first['next_cursor']}")
    await api.order(contact_id)
    third = await api.get(f"/orders?limit=3&cursor={second['next_cursor']}")
    assert ids(first["items"]) + ids(second["items"]) + ids(third["items"]) == made[::-1]
    assert third["next_cursor"] is None
    assert len(await api.pages("/orders", 2)) == 9
    other = await api.ask("GET", f"/contacts?cursor={first['next_cursor']}")
    assert (other.status, other.fields) == (422, ["cursor"])


async def test_O10_the_timeline_tells_who_changed_what(api: Api) -> None:
    order = await api.order(await api.contact(), due_at="2030-01-01T00:00:00Z")
    await api.ask("PATCH", f"/orders/{order['id']}", json={"due_at": "2031-01-01T00:00:00Z", "notes": "later"})
    entries = await api.pages(f"/orders/{order['id']}/timeline", 1)
    assert [entry["actor"] for entry in entries] == ["token:first admin"] * 2
    assert entries[0]["changes"] == [
        {"field": "due_at", "from": "2030-01-01T00:00:00Z", "to": "2031-01-01T00:00:00Z"},
        {"field": "notes", "from": None, "to": "later"},
    ]
    assert entries[1]["changes"][0]["field"] == "created"


async def test_O10_a_note_is_explained_as_one(api: Api) -> None:
    order = await api.order(await api.contact(), payment_status="paid", paid_at="2026-01-01T00:00:00Z")
    told = await api.get(f"/orders/{order['id']}/explain")
    assert (told["payment_status"], told["derived"], told["received"], told["remaining"]) == ("paid", False, 2000, 0)
    assert "noted as paid" in told["rule"]
    [statement] = told["statements"]
    assert (statement["kind"], statement["actor"], statement["event_id"]) == ("hand", "token:first admin", None)
    assert statement["fields"]["paid_at"] == "2026-01-01T00:00:00Z"


async def test_I4_the_orders_of_another_account_are_not_there(api: Api) -> None:
    order = await api.order(await api.contact())
    stranger = await api.other_account()
    for method, path, body in (
        ("GET", "", None), ("GET", "/timeline", None), ("GET", "/explain", None), ("PATCH", "", {"notes": "mine"}),
    ):  # fmt: skip
        answer = await api.ask(method, f"/orders/{order['id']}{path}", token=stranger, json=body)
        assert answer.status == 404
    assert (await api.get("/orders", token=stranger))["items"] == []
    answer = await api.ask("POST", "/orders", token=stranger, json={"contact_id": order["contact_id"], "amount": 1})
    assert (answer.status, answer.json["code"]) == (422, "contact_unknown")


async def test_an_order_that_was_merged_answers_under_its_old_id(api: Api) -> None:
    order = await api.order(await api.contact())
    old = await api.shop.merged(order["id"])
    answer = await api.ask("GET", f"/orders/{old}")
    assert (answer.status, answer.json["id"]) == (200, order["id"])
    assert answer.headers["Content-Location"] == f"/api/v1/orders/{order['id']}"
    assert (await api.get(f"/orders/{old}/explain"))["order_id"] == order["id"]
    assert (await api.ask("PATCH", f"/orders/{old}", json={"notes": "found"})).json["notes"] == "found"


async def test_a_change_of_an_order_that_is_merged_at_that_very_moment_is_made_where_it_went(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = await api.contact()
    remains, goes = await api.order(contact_id), await api.order(contact_id)
    patch = actions.patch

    async def merged_before(ctx: Context, actor: Actor, order_id: str, *given: Any) -> None:
        if order_id == goes["id"]:
            async with transaction(ctx.pool) as connection:
                await orders.begin_deriving(connection)
                await dossiers.merge(connection, actor.account_id, {goes["id"]: remains["id"]})
                await orders.merge(connection, actor.account_id, {goes["id"]: remains["id"]})
        await patch(ctx, actor, order_id, *given)

    monkeypatch.setattr(actions, "patch", merged_before)
    answer = await api.ask("PATCH", f"/orders/{goes['id']}", json={"notes": "found"})
    assert (answer.status, answer.json["id"], answer.json["notes"]) == (200, remains["id"], "found")
    assert answer.headers["Content-Location"] == f"/api/v1/orders/{remains['id']}"
    nobody = await api.ask("PATCH", f"/orders/{new_id()}", json={"notes": "x"})
    assert nobody.status == 404


@pytest.mark.parametrize("field", ["location_id", "destination_location_id"])
async def test_O3_a_location_is_one_of_the_account(api: Api, field: str) -> None:
    other = await api.other_account()
    elsewhere = (await api.post("/locations", {"slug": "shop", "name": "Shop"}, token=other))["id"]
    here = await api.location()
    contact = await api.contact()
    sale = await api.order(contact, **{field: here})
    for unknown in (new_id(), elsewhere):
        for method, path, body in (
            ("POST", "/orders", {"contact_id": contact, "amount": 5, field: unknown}),
            ("PATCH", f"/orders/{sale['id']}", {field: unknown}),
            ("POST", f"/orders/{sale['id']}/children", {"template": "invoice", field: unknown}),
        ):
            refused = await api.ask(method, path, json=body)
            assert (refused.status, refused.json["code"], refused.fields) == (422, "location_unknown", [field])
    bulk = {"orders": [{"contact_id": contact, "amount": 5, field: new_id()}]}
    [row] = (await api.post("/orders/bulk", bulk, 200))["results"]
    assert (row["status"], [error["field"] for error in row["problem"]["errors"]]) == (422, [field])
    assert await api.get(f"/orders/{sale['id']}") == sale
    child = await api.post(f"/orders/{sale['id']}/children", {"template": "invoice"})
    assert child[field] == here
    assert (await api.ask("PATCH", f"/orders/{sale['id']}", json={field: None})).json[field] is None


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_S1_an_offer_is_one_of_the_account(api: Api, elsewhere: bool) -> None:
    unknown = new_id()
    if elsewhere:
        offer = await api.post("/offers", {"name": "Course", "unit_price": 5}, token=await api.other_account())
        unknown = offer["id"]
    contact = await api.contact()
    order = await api.order(contact)
    for method, path, body in (
        ("POST", "/orders", {"contact_id": contact, "offer_id": unknown}),
        ("PATCH", f"/orders/{order['id']}", {"offer_id": unknown}),
    ):
        refused = await api.ask(method, path, json=body)
        assert (refused.status, refused.json["code"], refused.fields) == (422, "offer_unknown", ["offer_id"])


async def test_O4_what_a_token_makes_has_the_source_api_whatever_it_says(api: Api) -> None:
    contact = await api.contact()
    assert (await api.order(contact))["source"] == "api"
    refused = await api.ask("POST", "/orders", json={"contact_id": contact, "amount": 5, "source": "commerce"})
    assert (refused.status, refused.fields) == (422, ["source"])
