"""The flow of orders over the API: moves and their guard, children, transfers, templates (T1, T2, T3, T5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Api
from worker.ids import new_id


async def move(api: Api, order_id: str, status: str, **more: Any) -> Any:
    return await api.ask("POST", f"/orders/{order_id}/status", json={"status": status}, **more)


async def test_T2_any_direction_among_four_statuses_and_void_is_final(api: Api) -> None:
    order = await api.order(await api.contact())
    for status in ("draft", "completed", "processing", "new", "completed", "new"):
        assert (await move(api, order["id"], status)).json["status"] == status
    voided = await api.ask("DELETE", f"/orders/{order['id']}")
    assert (voided.status, voided.json["status"]) == (200, "void")
    again = await api.ask("DELETE", f"/orders/{order['id']}")
    assert (again.status, again.json["version"]) == (200, voided.json["version"])
    refused = await move(api, order["id"], "new")
    assert (refused.status, refused.json["code"]) == (409, "terminal")


async def test_T3_back_from_completed_needs_that_no_money_is_held(api: Api) -> None:
    order = await api.order(await api.contact(), status="completed")
    await api.post(f"/orders/{order['id']}/payments", {"amount": 500})
    for status in ("processing", "void"):
        refused = await move(api, order["id"], status)
        assert (refused.status, refused.json["code"], refused.fields) == (409, "money_held", ["status"])
        assert "Refund" in refused.json["detail"]
    await api.post(f"/orders/{order['id']}/refunds", {"amount": 500})
    assert (await move(api, order["id"], "processing")).status == 200


async def test_T3_money_on_an_invoice_child_guards_its_parent(api: Api) -> None:
    order = await api.order(await api.contact(), status="completed")
    invoice = await api.post(f"/orders/{order['id']}/children", {"template": "invoice"})
    await api.post(f"/orders/{invoice['id']}/payments", {"amount": 2000})
    assert (await move(api, order["id"], "new")).json["code"] == "money_held"
    assert (await api.ask("DELETE", f"/orders/{order['id']}")).json["code"] == "money_held"


async def test_T3_a_completed_child_guards_its_parent(api: Api) -> None:
    order = await api.order(await api.contact(), status="completed")
    shipping = await api.post(f"/orders/{order['id']}/children", {"template": "shipping", "status": "completed"})
    refused = await move(api, order["id"], "processing")
    assert (refused.status, refused.json["code"]) == (409, "children_completed")
    assert f"shipping {shipping['number']}" in refused.json["detail"]
    await move(api, shipping["id"], "processing")
    assert (await move(api, order["id"], "processing")).status == 200


async def test_T5_a_line_is_in_one_invoice_whoever_asks_at_the_same_moment(api: Api) -> None:
    order = await api.order(await api.contact())
    answers = await asyncio.gather(
        *(api.ask("POST", f"/orders/{order['id']}/children", json={"template": "invoice"}) for _ in range(12))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11
    rows = await api.shop.rows("SELECT count(*) AS n FROM carried_lines")
    assert rows[0]["n"] == 1


@pytest.mark.parametrize("template", ["invoice", "shipping", "return"])
async def test_T5_what_is_made_from_another_order_is_not_made_alone(api: Api, template: str) -> None:
    refused = await api.ask("POST", "/orders", json={"contact_id": await api.contact(), "template": template})
    assert (refused.status, refused.fields) == (422, ["template"])
    assert "/children" in refused.json["detail"]


async def test_T5_the_template_says_which_children_there_are(api: Api) -> None:
    quote = await api.order(await api.contact(), template="quote")
    refused = await api.ask("POST", f"/orders/{quote['id']}/children", json={"template": "invoice"})
    assert (refused.status, refused.json["code"]) == (409, "child_not_allowed")
    assert "It may have: sale." in refused.json["detail"]
    unknown = await api.ask("POST", f"/orders/{quote['id']}/children", json={"template": "nothing"})
    assert (unknown.status, unknown.json["code"], unknown.fields) == (422, "template_unknown", ["template"])


async def test_T5_a_child_carries_lines_that_its_parent_has_and_not_more_of_them(api: Api) -> None:
    order = await api.order(await api.contact())
    path = f"/orders/{order['id']}/children"
    item = order["items"][0]["id"]
    for items, field in (
        ([{"item_id": new_id()}], "items.0.item_id"),
        ([{"item_id": item, "quantity": 3}], "items.0.quantity"),
        ([{"item_id": item, "quantity": 1}, {"item_id": item, "quantity": 1}], "items"),
        ([], "items"),
    ):
        refused = await api.ask("POST", path, json={"template": "invoice", "items": items})
        assert (refused.status, refused.fields) == (422, [field])


async def test_T5_a_line_that_a_child_carries_is_not_changed_under_it(api: Api) -> None:
    order = await api.order(await api.contact(), items=[{"name": "A", "unit_price": 1}, {"name": "B", "unit_price": 2}])
    first, second = (item["id"] for item in order["items"])
    invoice = await api.post(f"/orders/{order['id']}/children", {"template": "invoice", "items": [{"item_id": first}]})
    for method, path, body in (
        ("PATCH", f"/orders/{order['id']}/items/{first}", {"unit_price": 5}),
        ("DELETE", f"/orders/{order['id']}/items/{first}", None),
        ("PATCH", f"/orders/{order['id']}", {"items": [{"name": "C"}]}),
    ):
        refused = await api.ask(method, path, json=body)
        assert (refused.status, refused.json["code"]) == (409, "line_carried")
    assert (await api.ask("DELETE", f"/orders/{order['id']}/items/{second}")).status == 200
    await api.ask("DELETE", f"/orders/{invoice['id']}")
    assert (await api.ask("DELETE", f"/orders/{order['id']}/items/{first}")).status == 200


async def test_a_transfer_needs_two_locations_and_no_customer(api: Api) -> None:
    transfer = await api.post("/orders", {"template": "transfer", "items": [{"name": "Desk", "sku": "DESK"}]})
    again = await api.post("/orders", {"template": "transfer"})
    assert transfer["contact_id"] == again["contact_id"]  # the account's own
    refused = await move(api, transfer["id"], "processing")
    assert (refused.status, refused.json["code"], refused.fields) == (409, "locations_missing", ["location_id"])
    refused = await api.ask("POST", "/orders", json={"items": []})
    assert (refused.status, refused.fields) == (422, ["contact_id"])


async def test_T1_a_template_of_ones_own_names_its_orders_and_says_which_children_they_have(api: Api) -> None:
    made = await api.post(
        "/templates",
        {
            "slug": "wholesale", "name": "Wholesale", "type": "sale", "title": "{template} {sequence} for {contact}",
            "slug_pattern": "w-{year}-{sequence}", "children": {"shipping": ["new"]},
        },
    )  # fmt: skip
    assert (made["version"], made["built_in"]) == (1, False)
    contact = await api.contact()
    orders = [await api.order(contact, template="wholesale") for _ in range(2)]
    assert [order["title"] for order in orders] == ["Wholesale 1 for Ana Silva", "Wholesale 2 for Ana Silva"]
    assert [order["template_id"] for order in orders] == ["wholesale", "wholesale"]
    assert [order["slug"].split("-")[-1] for order in orders] == ["1", "2"]
    refused = await api.ask("POST", f"/orders/{orders[0]['id']}/children", json={"template": "invoice"})
    assert refused.json["code"] == "child_not_allowed"
    given = await api.order(contact, template="wholesale", title="By hand")
    assert given["title"] == "By hand"


async def test_T1_a_sequence_has_no_gaps_whatever_fails(api: Api) -> None:
    await api.post("/templates", {"slug": "s", "name": "S", "type": "sale", "title": "{sequence}"})
    contact = await api.contact()
    bad = {"contact_id": contact, "template": "s", "items": [{"name": "A", "discount": 5}]}
    answers = await asyncio.gather(
        *(api.ask("POST", "/orders", json={"contact_id": contact, "template": "s"}) for _ in range(6)),
        *(api.ask("POST", "/orders", json=bad) for _ in range(6)),
    )
    assert sorted(answer.json["title"] for answer in answers if answer.status == 201) == list("123456")
    assert [answer.status for answer in answers[6:]] == [422] * 6


async def test_T1_built_in_templates_can_be_changed_and_brought_back(api: Api) -> None:
    slugs = [one["slug"] for one in (await api.get("/templates"))["items"]]
    assert slugs == sorted(
        ["sale", "purchase", "transfer", "invoice", "shipping", "return", "cart", "quote", "opportunity"]
    )
    held = await api.ask("GET", "/templates/sale")
    changed = await api.ask(
        "PATCH", "/templates/sale", json={"title": "Sale {date}"}, headers={"If-Match": held.headers["ETag"]}
    )
    assert (changed.json["title"], changed.json["built_in"], changed.json["version"]) == ("Sale {date}", False, 1)
    late = await api.ask("PATCH", "/templates/sale", json={"name": "X"}, headers={"If-Match": held.headers["ETag"]})
    assert late.status == 412
    order = await api.order(await api.contact())
    assert order["title"] == f"Sale {order['ordered_at'][:10]}"
    assert (await api.ask("DELETE", "/templates/sale")).status == 204
    assert (await api.get("/templates/sale"))["built_in"] is True


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "{unknown}"}, "title"),
        ({"title": "{contact.name}"}, "title"),
        ({"title": "{"}, "title"),
        ({"title": "x{date!r}"}, "title"),
        ({"slug_pattern": "{0}"}, "slug_pattern"),
        ({"children": {"quote": ["new"]}}, "children.quote"),
        ({"children": {"invoice": ["void"]}}, "children.invoice"),
        ({"slug": "No Slug"}, "slug"),
    ],
)
async def test_T1_a_template_that_cannot_be_used_is_refused_with_its_field(
    api: Api, fields: dict[str, Any], field: str
) -> None:
    refused = await api.ask("POST", "/templates", json={"slug": "mine", "name": "Mine", "type": "sale", **fields})
    assert (refused.status, refused.fields) == (422, [field])
    taken = await api.ask("POST", "/templates", json={"slug": "sale", "name": "Mine", "type": "sale"})
    assert (taken.status, taken.json["code"]) == (409, "slug_taken")


async def test_two_orders_of_one_title_have_slugs_of_their_own(api: Api) -> None:
    contact = await api.contact()
    first, second = [await api.order(contact, title="Same") for _ in range(2)]
    assert first["slug"] == "same"
    assert second["slug"].startswith("same-")
    quote = await api.order(contact, title="Same", template="quote")
    assert quote["slug"] == "same"  # by type


CHAINS = [
    # The type of an order, of what is made from it, and so on; the title of the last.
    (("opportunity", "quote"), "Quote for Opportunity of {date}"),
    (("quote", "sale"), "Order for Quote of {date}"),
    (("cart", "sale"), "Order for Cart of {date}"),
    (("sale", "invoice"), "Invoice for Order of {date}"),
    (("sale", "shipping"), "Shipping of Order of {date}"),
    (("sale", "transfer"), "Transfer for Order of {date}"),
    (("purchase", "invoice"), "Invoice for Purchase of {date}"),
    (("purchase", "return"), "Return of Purchase of {date}"),
    (("purchase", "return", "invoice"), "Invoice for Return of Purchase of {date}"),
    (("transfer", "shipping"), "Shipping of Transfer of {date}"),
]


@pytest.mark.parametrize(("types", "title"), CHAINS, ids=[" > ".join(types) for types, _ in CHAINS])
async def test_T1_each_type_is_named_for_what_it_is_and_what_it_was_made_from(
    api: Api, types: tuple[str, ...], title: str
) -> None:
    contact, (first, *rest) = await api.contact(), types
    order = await api.order(contact, template=first, ordered_at="2026-01-31T12:00:00Z")
    assert order["title"] == f"{'Order' if first == 'sale' else first.capitalize()} of 2026-01-31"
    for template in rest:
        if template == "return":
            await api.ask("PATCH", f"/orders/{order['id']}", json={"status": "completed"})
        order = await api.post(f"/orders/{order['id']}/children", {"template": template})
    assert order["title"] == title.format(date="2026-01-31")
    assert order["slug"] == order["title"].lower().replace(" ", "-")


@pytest.mark.parametrize("template", ["sale", "purchase", "transfer", "cart", "quote", "opportunity"])
async def test_T1_an_order_is_named_after_its_external_id(api: Api, template: str) -> None:
    order = await api.order(await api.contact(), template=template, external_id="A-1")
    assert order["title"] == f"{'Order' if template == 'sale' else template.capitalize()} A-1"
