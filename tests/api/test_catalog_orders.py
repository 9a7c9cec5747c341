"""Orders made from the catalogue: by sku, by price list, by offer; and what later changes leave alone (T6, S1, O7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, ids
from worker.ids import new_id

COLUMNS = [
    {"key": "weight", "label": "Weight, g", "type": "number", "required": True},
    {"key": "gross", "label": "Together", "type": "number", "formula": "quantity * weight"},
    {"key": "per", "label": "Per gram", "type": "money", "formula": "total / weight", "order_types": ["sale"]},
    {"key": "route", "label": "Route", "type": "text", "order_types": ["transfer"]},
]


async def beans(api: Api, **more: Any) -> dict[str, Any]:
    await api.post("/product-templates", {"slug": "coffee", "name": "Coffee", "columns": COLUMNS})
    body = {"sku": "A", "name": "Beans", "unit_price": 1000, "tax_rate": "22", "product_template": "coffee"}
    made: dict[str, Any] = await api.post("/products", {**body, "attributes": {"weight": 250}, **more})
    return made


async def wholesale(api: Api, **more: Any) -> None:
    entries = [{"sku": "A", "unit_price": 900}, {"sku": "A", "unit_price": 800, "from_quantity": 10}]
    await api.post("/price-lists", {"slug": "wholesale", "name": "Wholesale", "entries": entries, **more})


async def test_T6_a_sku_gives_name_price_and_tax_rate(api: Api) -> None:
    await beans(api)
    await wholesale(api)
    contact_id = await api.contact()
    plain = await api.order(contact_id, items=[{"sku": "A", "quantity": 2}])
    [item] = plain["items"]
    assert (item["name"], item["unit_price"], item["tax_rate"], item["total"]) == ("Beans", 1000, "22", 2440)
    assert item["attributes"] == {"weight": "250"}
    few = await api.order(contact_id, price_list="wholesale", items=[{"sku": "A", "quantity": "9.5"}])
    many = await api.order(contact_id, price_list="wholesale", items=[{"sku": "A", "quantity": 10, "name": "Sack"}])
    assert [order["items"][0]["unit_price"] for order in (few, many)] == [900, 800]
    assert many["items"][0]["name"] == "Sack"
    given = await api.order(contact_id, price_list="wholesale", items=[{"sku": "A", "name": "B", "unit_price": 1}])
    assert (given["amount"], given["items"][0]["tax_rate"]) == (1, None)


async def test_T6_what_cannot_be_priced_is_refused_by_line_and_makes_nothing(api: Api) -> None:
    await beans(api)
    await wholesale(api)
    await api.post("/products", {"sku": "F", "name": "Free of price"})
    await api.post("/price-lists", {"slug": "old", "name": "Old", "archived": True})
    body = {"contact_id": await api.contact()}
    for wrong, code, field in (
        ({"items": [{"name": "a"}, {"sku": "Z"}]}, "sku_unknown", "items.1.sku"),
        ({"items": [{"sku": "Z", "unit_price": 5}]}, "sku_unknown", "items.0.sku"),
        ({"items": [{"sku": "F"}]}, "price_unknown", "items.0.unit_price"),
        ({"items": [{"sku": "A"}], "currency": "USD"}, "currency_mismatch", "items.0.unit_price"),
        ({"items": [{"sku": "A"}], "currency": "USD", "price_list": "wholesale"}, "currency_mismatch", "currency"),
        ({"items": [{"sku": "Z", "name": "z"}], "price_list": "wholesale"}, "sku_unknown", "items.0.sku"),
        ({"items": [{"sku": "A"}], "price_list": "none"}, "price_list_unknown", "price_list"),
        ({"items": [{"sku": "A"}], "price_list": "old"}, "price_list_unknown", "price_list"),
        ({"items": [{"unit_price": 5}]}, "invalid", "items.0.name"),
        ({"items": [{"name": None, "unit_price": 5}]}, "invalid", "items.0.name"),
        ({"quantity": 2, "amount": 5}, "invalid", "quantity"),
    ):
        answer = await api.ask("POST", "/orders", json={**body, **wrong})
        assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field]), wrong
    assert (await api.get("/orders"))["items"] == []
    free = await api.order(body["contact_id"], items=[{"sku": "unheard of", "name": "Gift"}])
    assert (free["amount"], free["items"][0]["attributes"]) == (0, None)


async def test_T6_later_changes_of_the_catalogue_never_touch_an_order(api: Api) -> None:
    product = await beans(api)
    order = await api.order(await api.contact(), items=[{"sku": "A", "quantity": 2}])
    before = await api.get(f"/orders/{order['id']}"), await api.get(f"/orders/{order['id']}/lines")
    changes = {"name": "Tea", "unit_price": 1, "tax_rate": None, "attributes": {"weight": 1}, "kind": "service"}
    assert (await api.ask("PATCH", f"/products/{product['id']}", json=changes)).status == 200
    await api.ask("PATCH", f"/orders/{order['id']}", json={"notes": "written anew"})
    after = await api.get(f"/orders/{order['id']}"), await api.get(f"/orders/{order['id']}/lines")
    assert (after[0]["items"], after[0]["summary"]) == (before[0]["items"], before[0]["summary"])
    assert after[1] == before[1]
    [row] = await api.shop.rows("SELECT service FROM order_items WHERE order_id = $1", order["id"])
    assert row["service"] is False


async def test_O1_the_same_request_after_a_change_of_price_gives_the_same_order(api: Api) -> None:
    product = await beans(api)
    body = {"contact_id": await api.contact(), "external_id": "one", "items": [{"sku": "A"}]}
    first = await api.post("/orders", body)
    await api.ask("PATCH", f"/products/{product['id']}", json={"unit_price": 1})
    again = await api.ask("POST", "/orders", json=body)
    assert (again.status, again.json["id"], again.json["amount"]) == (200, first["id"], 1220)
    differs = await api.ask("POST", "/orders", json={**body, "items": [{"sku": "A", "unit_price": 1000}]})
    assert (differs.status, differs.fields) == (409, ["items"])


async def test_T6_items_that_are_put_in_place_of_others_are_filled_in_too(api: Api) -> None:
    await beans(api)
    order = await api.order(await api.contact(), items=[{"name": "a", "unit_price": 1}])
    changed = await api.ask("PATCH", f"/orders/{order['id']}", json={"items": [{"sku": "A"}]})
    assert (changed.status, changed.json["amount"], changed.json["items"][0]["name"]) == (200, 1220, "Beans")
    for changes, code in (
        ({"items": [{"sku": "Z"}]}, "sku_unknown"),
        ({"items": [{"sku": "A"}], "currency": "USD"}, "currency_mismatch"),
        ({"offer_id": new_id()}, "offer_unknown"),
    ):
        answer = await api.ask("PATCH", f"/orders/{order['id']}", json=changes)
        assert (answer.status, answer.json["code"]) == (422, code)


async def test_T6_lines_are_grouped_by_product_template(api: Api) -> None:
    await beans(api)
    await api.post("/products", {"sku": "B", "name": "Mug", "unit_price": 500})
    items = [{"sku": "B"}, {"sku": "A", "quantity": "1.5"}, {"name": "Gift", "sku": "none"}, {"sku": "A"}]
    order = await api.order(await api.contact(), items=items)
    answer = await api.get(f"/orders/{order['id']}/lines")
    assert (answer["order_id"], answer["type"], answer["currency"]) == (order["id"], "sale", "BRL")
    plain, coffee = answer["groups"]
    assert (plain["product_template"], plain["columns"]) == (None, [])
    assert [line["item"]["name"] for line in plain["lines"]] == ["Mug", "Gift"]
    assert coffee["product_template"]["slug"] == "coffee"
    assert [column["key"] for column in coffee["columns"]] == ["weight", "gross", "per"]
    assert [line["item"] for line in coffee["lines"]] == [order["items"][1], order["items"][3]]
    assert coffee["lines"][0]["cells"] == {
        "weight": {"value": "250", "error": None},
        "gross": {"value": "375", "error": None},
        "per": {"value": 7, "error": None},
    }
    assert (await api.ask("GET", f"/orders/{new_id()}/lines")).status == 404
    assert (await api.ask("GET", f"/orders/{order['id']}/lines", token=await api.other_account())).status == 404


async def test_T6_an_error_in_one_cell_is_text_in_that_cell(api: Api) -> None:
    await beans(api, attributes={"weight": 0})
    order = await api.order(await api.contact(), items=[{"sku": "A"}])
    [group] = (await api.get(f"/orders/{order['id']}/lines"))["groups"]
    cells = group["lines"][0]["cells"]
    assert cells["per"] == {"value": None, "error": "it divides by zero"}
    assert cells["gross"] == {"value": "0", "error": None}


async def test_T6_lines_of_a_sender_take_the_attributes_that_the_product_has(api: Api) -> None:
    await beans(api)
    item = {"sku": "A", "name": "As the shop says", "quantity": 2, "unit_price": 10}
    data = {"external_id": "S-1", "version": 1, "currency": "BRL", "amount": 20, "customer": {"email": "a@b.cc"}}
    body = {"type": "order.upserted", "timestamp": "2026-01-01T00:00:00Z", "data": {**data, "items": [item]}}
    await api.shop.deliver("standard", body, "order.upserted")
    order = await api.shop.order("S-1")
    [group] = (await api.get(f"/orders/{order['id']}/lines"))["groups"]
    [line] = group["lines"]
    assert (line["item"]["name"], line["item"]["attributes"]) == ("As the shop says", None)
    assert line["cells"]["gross"]["value"] == "500"


@pytest.mark.parametrize("several", [True, False])
async def test_S1_an_offer_gives_the_order_its_line(api: Api, several: bool) -> None:
    body = {"name": "Course", "unit_price": 9900, "currency": "USD", "several_units": several}
    offer = await api.post("/offers", body)
    wish = {"contact_id": await api.contact(), "offer_id": offer["id"]}
    one = await api.post("/orders", wish)
    assert (one["currency"], one["amount"], one["offer_id"]) == ("USD", 9900, offer["id"])
    assert [(item["name"], item["quantity"], item["unit_price"]) for item in one["items"]] == [("Course", 1, 9900)]
    three = await api.ask("POST", "/orders", json={**wish, "quantity": 3})
    if several:
        assert (three.status, three.json["amount"], three.json["items"][0]["quantity"]) == (201, 29700, 3)
    else:
        assert (three.status, three.fields) == (422, ["quantity"])
    await api.ask("PATCH", f"/offers/{offer['id']}", json={"unit_price": 1, "name": "Other"})
    assert (await api.get(f"/orders/{one['id']}"))["items"] == one["items"]


async def test_S1_what_an_offer_does_not_allow_is_refused(api: Api) -> None:
    offer = await api.post("/offers", {"name": "Course", "unit_price": 9900, "currency": "USD"})
    gone = await api.post("/offers", {"name": "Gone", "unit_price": 1, "archived": True})
    theirs = await api.post("/offers", {"name": "Theirs", "unit_price": 1}, token=await api.other_account())
    wish = {"contact_id": await api.contact(), "offer_id": offer["id"]}
    for wrong, code, field in (
        ({"offer_id": new_id()}, "offer_unknown", "offer_id"),
        ({"offer_id": theirs["id"]}, "offer_unknown", "offer_id"),
        ({"offer_id": gone["id"]}, "offer_archived", "offer_id"),
        ({"currency": "BRL"}, "currency_mismatch", "currency"),
        ({"quantity": 1, "items": [{"name": "a"}]}, "invalid", "quantity"),
        ({"quantity": 0}, "invalid", "quantity"),
    ):
        answer = await api.ask("POST", "/orders", json={**wish, **wrong})
        assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field]), wrong
    priced = await api.post("/orders", {**wish, "amount": 5, "currency": "BRL"})
    assert (priced["amount"], priced["offer_id"]) == (5, offer["id"])
    itemised = await api.order(wish["contact_id"], offer_id=offer["id"], items=[{"name": "a", "unit_price": 7}])
    assert (itemised["amount"], itemised["currency"]) == (7, "BRL")


async def test_T6_a_unit_is_one_thing_with_its_number_its_place_and_its_order(api: Api) -> None:
    product = await api.post("/products", {"sku": "M", "name": "Machine", "unit_price": 100, "tracked": True})
    loose = await api.post("/products", {"sku": "L", "name": "Loose"})
    place = await api.post("/locations", {"slug": "lisbon", "name": "Lisbon"})
    contact_id = await api.contact()
    order = await api.order(contact_id, items=[{"sku": "M"}, {"name": "Cable"}])
    machine, cable = (item["id"] for item in order["items"])
    body = {"product_id": product["id"], "serial_number": "SN-1", "location_id": place["id"]}
    unit = await api.post("/units", {**body, "attributes": {"color": "red", "year": 2026}})
    path = f"/units/{unit['id']}"
    assert (unit["attributes"], unit["order_id"]) == ({"color": "red", "year": 2026}, None)
    assert (await api.ask("POST", "/units", json=body)).fields == ["serial_number"]
    for wrong, code, field in (
        ({"product_id": loose["id"]}, "invalid", "product_id"),
        ({"product_id": new_id()}, "product_unknown", "product_id"),
        ({"contact_id": new_id()}, "contact_unknown", "contact_id"),
        ({"location_id": new_id()}, "location_unknown", "location_id"),
        ({"order_id": new_id()}, "order_unknown", "order_id"),
        ({"order_item_id": machine}, "invalid", "order_id"),
        ({"order_id": order["id"], "order_item_id": cable}, "order_item_unknown", "order_item_id"),
    ):
        answer = await api.ask("POST", "/units", json={**body, "serial_number": "SN-2", **wrong})
        assert (answer.status, answer.json["code"], answer.fields) == (422, code, [field]), wrong
    sold = {"order_id": order["id"], "order_item_id": machine, "contact_id": contact_id, "location_id": None}
    changed = await api.ask("PATCH", path, json=sold, headers={"If-Match": '"1"'})
    assert (changed.status, {name: changed.json[name] for name in sold}) == (200, sold)
    for query in (f"order_id={order['id']}", f"contact_id={contact_id}", "serial_number=SN-1"):
        assert ids((await api.get(f"/units?{query}"))["items"]) == [unit["id"]]
    assert (await api.get(f"/units?location_id={place['id']}"))["items"] == []
    back = await api.ask("PATCH", path, json={"order_id": None})
    assert (back.json["order_id"], back.json["order_item_id"]) == (None, None)
    assert (await api.ask("PATCH", path, json=sold, token=await api.other_account())).status == 404


async def test_T6_units_and_plans_of_contacts_that_turn_out_to_be_one_stay(api: Api) -> None:
    product = await api.post("/products", {"sku": "M", "name": "Machine", "tracked": True})
    first = {
        "external_id": "S-1",
        "version": 1,
        "currency": "BRL",
        "amount": 1,
        "items": [{"name": "a", "unit_price": 1}],
    }
    orders = []
    for customer in ({"id": "7"}, {"email": "ana@example.com"}):
        data = {**first, "external_id": f"S-{len(orders)}", "customer": customer}
        body = {"type": "order.upserted", "timestamp": "2026-01-01T00:00:00Z", "data": data}
        await api.shop.deliver("standard", body, "order.upserted")
        orders.append(await api.shop.order(data["external_id"]))
    contacts = [order["contact_id"] for order in orders]
    assert contacts[0] != contacts[1]
    for number, contact_id in enumerate(contacts):
        await api.post("/units", {"product_id": product["id"], "serial_number": f"{number}", "contact_id": contact_id})
        await api.post(f"/contacts/{contact_id}/sales-plans", {"note": str(number)})
    data = {**first, "external_id": "S-2", "customer": {"id": "7", "email": "ana@example.com"}}
    body = {"type": "order.upserted", "timestamp": "2026-01-02T00:00:00Z", "data": data}
    await api.shop.deliver("standard", body, "order.upserted")
    [remaining] = await api.shop.rows("SELECT id FROM contacts WHERE id = ANY ($1)", contacts)
    assert len((await api.get(f"/units?contact_id={remaining['id']}"))["items"]) == 2
    assert len((await api.get(f"/contacts/{remaining['id']}/sales-plans"))["items"]) == 2
