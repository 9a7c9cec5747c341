"""What all nouns of the catalogue have in common over the API: made, read, listed, changed, kept apart (T6, S1, H3, H4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.account import Permission
from tests.api.conftest import Api, ids
from worker.ids import new_id

NOUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "locations": ({"slug": "x", "name": "Lisbon"}, {"name": "Porto"}),
    "product-templates": (
        {"slug": "x", "name": "Coffee", "columns": [{"key": "a", "label": "A", "type": "number"}]},
        {"columns": [{"key": "b", "label": "B", "type": "choice", "options": ["c"], "order_types": ["sale"]}]},
    ),
    "products": ({"sku": "x", "name": "Beans", "unit_price": 5, "tax_rate": "22.50"}, {"kind": "service"}),
    "price-lists": (
        {"slug": "x", "name": "All", "currency": "USD", "entries": [{"sku": "A", "unit_price": 5}]},
        {"entries": [{"sku": "A", "unit_price": 4}, {"sku": "A", "unit_price": 3, "from_quantity": "10"}]},
    ),
    "offer-categories": ({"name": "Courses"}, {"name": "Books"}),
    "offers": (
        {"name": "Course", "unit_price": 5, "recurring": True, "interval": {"unit": "month", "count": 1}},
        {"recurring": False, "interval": None},
    ),
}
SETTINGS = ("locations", "product-templates", "price-lists")
UNIQUE = {"offer-categories": "name", "products": "sku", "offers": None}


@pytest.mark.parametrize("noun", NOUNS)
async def test_H3_it_is_made_read_listed_and_changed(api: Api, noun: str) -> None:
    body, changes = NOUNS[noun]
    made = await api.ask("POST", f"/{noun}", json=body)
    assert made.status == 201, made
    path = f"/{noun}/{made.json['id']}"
    assert (made.headers["Location"], made.headers["ETag"]) == (f"/api/v1{path}", '"1"')
    assert await api.get(path) == made.json
    assert ids((await api.get(f"/{noun}"))["items"]) == [made.json["id"]]
    changed = await api.ask("PATCH", path, json=changes, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"], changed.json["version"]) == (200, '"2"', 2)
    assert (await api.get(path)) == changed.json
    kept = set(body) - set(changes) - {"interval"}
    assert {name: changed.json[name] for name in kept} == {name: made.json[name] for name in kept}
    for tag in ('"1"', 'W/"2"'):
        stale = await api.ask("PATCH", path, json=changes, headers={"If-Match": tag})
        assert (stale.status, stale.json["code"]) == (412, "version")
    same = await api.ask("PATCH", path, json={})
    assert (same.status, same.json) == (200, changed.json)
    archived = await api.ask("PATCH", path, json={"archived": True})
    assert archived.json["archived"] is True
    assert (await api.get(f"/{noun}?archived=false"))["items"] == []
    assert ids((await api.get(f"/{noun}?archived=true"))["items"]) == [made.json["id"]]


@pytest.mark.parametrize("noun", NOUNS)
async def test_I4_another_account_neither_sees_nor_changes_it_and_has_its_own(api: Api, noun: str) -> None:
    body, changes = NOUNS[noun]
    mine = await api.post(f"/{noun}", body)
    other = await api.other_account()
    path = f"/{noun}/{mine['id']}"
    assert (await api.ask("GET", path, token=other)).status == 404
    assert (await api.ask("PATCH", path, token=other, json=changes)).status == 404
    theirs = await api.post(f"/{noun}", body, token=other)
    assert ids((await api.get(f"/{noun}", token=other))["items"]) == [theirs["id"]]
    assert theirs.get("number", 1) == 1


@pytest.mark.parametrize("noun", NOUNS)
async def test_H2_writing_needs_its_permission(api: Api, noun: str) -> None:
    body, changes = NOUNS[noun]
    needed = Permission.SETTINGS_MANAGE if noun in SETTINGS else Permission.CRM_MANAGE
    lacking = await api.token("manager", *(set(Permission) - {needed}))
    having = await api.token("rep", needed)
    path = f"/{noun}/{(await api.post(f'/{noun}', body, token=having))['id']}"
    for answer in (
        await api.ask("POST", f"/{noun}", json=body, token=lacking),
        await api.ask("PATCH", path, json=changes, token=lacking),
    ):
        assert (answer.status, answer.json["permission"]) == (403, needed)
    assert (await api.ask("GET", path, token=lacking)).status == 200


@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun != "offers"])
async def test_of_many_made_at_once_under_one_name_there_is_one(api: Api, noun: str) -> None:
    body, _ = NOUNS[noun]
    answers = await asyncio.gather(*(api.ask("POST", f"/{noun}", json=body) for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11
    refused = next(answer for answer in answers if answer.status == 409)
    field = UNIQUE.get(noun) or "slug"
    assert (refused.json["code"], refused.fields) == ("taken", [field])
    second = await api.post(f"/{noun}", {**body, field: "second"})
    answer = await api.ask("PATCH", f"/{noun}/{second['id']}", json={field: body[field]})
    assert (answer.status, answer.fields) == (409, [field])


async def test_S1_offers_and_categories_are_numbered_without_gaps(api: Api) -> None:
    answers = await asyncio.gather(*(api.ask("POST", "/offers", json=NOUNS["offers"][0]) for _ in range(10)))
    await api.ask("POST", "/offers", json={**NOUNS["offers"][0], "category_id": new_id()})
    last = await api.post("/offers", NOUNS["offers"][0])
    assert sorted(answer.json["number"] for answer in answers) == list(range(1, 11))
    assert last["number"] == 11
    for _ in range(2):
        await api.ask("POST", "/offer-categories", json={"name": "Courses"})
    assert (await api.post("/offer-categories", {"name": "Books"}))["number"] == 2


@pytest.mark.parametrize("noun", NOUNS)
async def test_H4_pages_hold_each_once(api: Api, noun: str) -> None:
    body, _ = NOUNS[noun]
    field = "name" if noun.startswith("offer") else UNIQUE.get(noun) or "slug"
    made = [(await api.post(f"/{noun}", {**body, field: f"x{n}"}))["id"] for n in range(5)]
    assert ids(await api.pages(f"/{noun}", 2)) == made[::-1]
    assert (await api.ask("GET", f"/{noun}?cursor=nonsense")).status == 422


@pytest.mark.parametrize(
    ("noun", "wrong", "status", "field"),
    [
        ("locations", {"slug": "Upper"}, 422, "slug"),
        ("locations", {"name": "a\x00b"}, 422, "name"),
        ("locations", {"name": None}, 422, "name"),
        ("product-templates", {"columns": [{"key": "A", "label": "a", "type": "text"}]}, 422, "columns.0.key"),
        ("product-templates", {"columns": [{"key": "a", "label": "a", "type": "list"}]}, 422, "columns.0.type"),
        (
            "product-templates",
            {"columns": [{"key": "a", "label": "a", "type": "number", "formula": "9**9**9"}]},
            422,
            "columns.0.formula",
        ),
        ("products", {"unit_price": -1}, 422, "unit_price"),
        ("products", {"currency": "ZZZ"}, 422, "currency"),
        ("products", {"attributes": {"size": 1}}, 422, "attributes.size"),
        ("products", {"attributes": {"size": 1.5}}, 422, "attributes.size"),
        ("products", {"product_template": "none"}, 422, "product_template"),
        ("products", {"kind": "thing"}, 422, "kind"),
        ("price-lists", {"currency": "ZZZ"}, 422, "currency"),
        ("price-lists", {"entries": [{"sku": "A", "unit_price": 1}, {"sku": "A", "unit_price": 2}]}, 422, "entries.1"),
        ("price-lists", {"entries": [{"sku": "A"}]}, 422, "entries.0.unit_price"),
        ("offers", {"category_id": "00000000-0000-7000-8000-000000000000"}, 422, "category_id"),
        ("offers", {"interval": None}, 422, "interval"),
        ("offers", {"recurring": False}, 422, "interval"),
        ("offers", {"interval": {"unit": "year", "count": 1}}, 422, "interval.unit"),
        ("offers", {"interval": {"unit": "day", "count": 0}}, 422, "interval.count"),
        ("offers", {"currency": "ZZZ"}, 422, "currency"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, noun: str, wrong: dict[str, Any], status: int, field: str) -> None:
    answer = await api.ask("POST", f"/{noun}", json={**NOUNS[noun][0], **wrong})
    assert (answer.status, answer.fields[:1]) == (status, [field]), answer


async def test_T6_products_are_found_by_their_filters(api: Api) -> None:
    await api.post("/product-templates", NOUNS["product-templates"][0])
    beans = await api.post("/products", {"sku": "COF-1", "name": "Arabica beans", "product_template": "x"})
    course = await api.post("/products", {"sku": "EDU_1", "name": "Course", "kind": "service"})
    for query, found in (
        ("sku=COF-1", [beans]),
        ("sku=cof-1", []),
        ("kind=service", [course]),
        ("product_template=x", [beans]),
        ("product_template=y", []),
        ("q=cof-", [beans]),
        ("q=bea", [beans]),
        ("q=EDU%25", []),
        ("q=true", []),
        ("kind=goods&q=course", []),
    ):
        assert ids((await api.get(f"/products?{query}"))["items"]) == ids(found), query


async def test_S1_offers_are_found_by_their_filters(api: Api) -> None:
    category = await api.post("/offer-categories", {"name": "Courses"})
    one = await api.post("/offers", {"name": "Latte art", "unit_price": 5, "category_id": category["id"]})
    two = await api.post("/offers", {**NOUNS["offers"][0], "currency": "USD"})
    assert (one["currency"], one["category_number"], one["category_name"]) == ("BRL", 1, "Courses")
    assert (two["recurring"], two["interval"]) == (True, {"unit": "month", "count": 1})
    for query, found in (
        (f"category_id={category['id']}", [one]),
        ("currency=USD", [two]),
        ("recurring=true", [two]),
        ("recurring=false", [one]),
        ("q=latte", [one]),
        ("q=%232", [two]),
    ):
        assert ids((await api.get(f"/offers?{query}"))["items"]) == ids(found), query


async def test_T6_a_product_fits_its_template(api: Api) -> None:
    columns = [
        {"key": "weight", "label": "Weight", "type": "number", "required": True},
        {"key": "roast", "label": "Roast", "type": "choice", "options": ["dark"]},
    ]
    await api.post("/product-templates", {"slug": "coffee", "name": "Coffee", "columns": columns})
    body = {"sku": "A", "name": "Beans", "product_template": "coffee"}
    for attributes, field in (
        ({}, "weight"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": 1, "roast": "light"}, "roast"),
        ({"weight": 1, "size": 2}, "size"),
    ):
        answer = await api.ask("POST", "/products", json={**body, "attributes": attributes})
        assert (answer.status, answer.fields) == (422, [f"attributes.{field}"])
    made = await api.post("/products", {**body, "attributes": {"weight": "1.50", "roast": "dark"}})
    assert made["attributes"] == {"weight": "1.5", "roast": "dark"}
    path = f"/products/{made['id']}"
    assert (await api.ask("PATCH", path, json={"attributes": {"roast": "dark"}})).fields == ["attributes.weight"]
    assert (await api.ask("PATCH", path, json={"product_template": None})).fields == ["attributes.roast"]
    free = await api.ask("PATCH", path, json={"product_template": None, "attributes": {}})
    assert (free.status, free.json["product_template"], free.json["attributes"]) == (200, None, {})


async def test_T6_a_price_has_a_currency_and_no_price_has_none(api: Api) -> None:
    made = await api.post("/products", {"sku": "A", "name": "Beans", "unit_price": 5})
    assert (made["unit_price"], made["currency"]) == (5, "BRL")
    path = f"/products/{made['id']}"
    for changes, expected in (
        ({"currency": "USD"}, (5, "USD")),
        ({"unit_price": 7}, (7, "USD")),
        ({"unit_price": None}, (None, None)),
        ({"currency": "USD"}, (None, None)),
        ({"unit_price": 9}, (9, "BRL")),
    ):
        found = (await api.ask("PATCH", path, json=changes)).json
        assert (found["unit_price"], found["currency"]) == expected
