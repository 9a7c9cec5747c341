"""Changing an order as a whole, and what it would come to (O7, O8, O9)."""

from __future__ import annotations

from typing import Any

from handlers.merge import add
from schemas.fact import Fact, Kind, Reading, Statement
from tests.api.conftest import Api
from tests.world import payload
from worker.ids import new_id
from worker.store import dossiers
from worker.store.db import transaction

LINES: list[dict[str, Any]] = [
    {"name": "Coffee", "sku": "COF", "quantity": "2.5", "unit_price": 399, "tax_rate": "8.875", "discount": 99},
    {"name": "Cup", "unit_price": 1250},
]
CHARGES: list[dict[str, Any]] = [
    {"kind": "shipping", "value": 1500},
    {"kind": "discount", "mode": "percent", "of": "running", "value": "10"},
]


async def change(api: Api, order: dict[str, Any], **wish: Any) -> dict[str, Any]:
    answer = await api.ask("PATCH", f"/orders/{order['id']}", json=wish)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


async def test_O7_lines_that_are_named_by_id_stay_the_lines_that_they_are(api: Api) -> None:
    order = await api.order(await api.contact(), items=LINES, charges=CHARGES)
    first, second = order["items"]
    changed = await change(
        api, order, items=[{"id": second["id"], "quantity": 3}, {"name": "Spoon", "unit_price": 5}, {"id": first["id"]}]
    )
    assert [item["name"] for item in changed["items"]] == ["Cup", "Spoon", "Coffee"]
    assert (changed["items"][0]["id"], changed["items"][2]["id"]) == (second["id"], first["id"])
    assert (changed["items"][0]["total"], changed["items"][2]) == (3750, {**first, "position": 3})
    assert changed["charges"] == [
        {**charge, "amount": after["amount"]}
        for charge, after in zip(order["charges"], changed["charges"], strict=True)
    ]


async def test_O7_what_is_repeated_changes_nothing(api: Api) -> None:
    order = await api.order(await api.contact(), items=LINES, charges=CHARGES)
    asked = ("id", "sku", "name", "quantity", "unit_price", "tax_rate", "discount", "delivery_method", "service")
    items = [{name: item[name] for name in asked} for item in order["items"]]
    kept = ("id", "kind", "mode", "of", "value", "label")
    charges = [{name: charge[name] for name in kept} for charge in order["charges"]]
    changed = await change(api, order, items=items, charges=charges)
    assert {**changed, "updated_at": "", "version": 0} == {**order, "updated_at": "", "version": 0}


async def test_O7_figures_that_a_shop_stated_for_a_line_stay_where_it_is_not_changed(api: Api) -> None:
    await api.shop.deliver("shopify", payload("shopify", "orders_create__minimal.json"), "orders/create")
    [order] = (await api.get("/orders?source=commerce"))["items"]
    items = [{"id": i["id"], "unit_price": i["unit_price"], "quantity": i["quantity"]} for i in order["items"]]
    changed = await change(api, order, items=[*items, {"name": "Gift", "unit_price": 0}])
    assert changed["items"][: len(items)] == order["items"]
    assert changed["amount"] == order["amount"] - sum(charge["amount"] for charge in order["charges"]) + sum(
        charge["amount"] for charge in changed["charges"]
    )


async def test_O7_an_id_that_is_not_the_orders_or_comes_twice_is_refused_at_its_field(api: Api) -> None:
    order = await api.order(await api.contact(), items=LINES, charges=CHARGES)
    own, charge = order["items"][0]["id"], order["charges"][0]["id"]
    for wish, field in (
        ({"items": [{"id": own}, {"id": new_id()}]}, "items.1.id"),
        ({"items": [{"id": own}, {"id": own}]}, "items.1.id"),
        ({"items": [{"id": charge}]}, "items.0.id"),
        ({"charges": [{"id": own, "kind": "tax", "value": 1}]}, "charges.0.id"),
    ):
        answer = await api.ask("PATCH", f"/orders/{order['id']}", json=wish)
        assert (answer.status, answer.fields) == (422, [field])


async def test_T5_a_line_that_a_child_carries_may_be_named_and_not_changed(api: Api) -> None:
    order = await api.order(await api.contact(), items=LINES)
    first, second = order["items"]
    await api.post(f"/orders/{order['id']}/children", {"template": "shipping", "items": [{"item_id": first["id"]}]})
    await change(api, order, items=[{"id": second["id"], "quantity": 9}, {"id": first["id"]}])
    refused = await api.ask(
        "PATCH", f"/orders/{order['id']}", json={"items": [{"id": first["id"], "quantity": 9}, {"id": second["id"]}]}
    )
    assert (refused.status, refused.json["code"]) == (409, "line_carried")


async def test_O9_a_preview_is_what_saving_would_give_and_writes_nothing(api: Api) -> None:
    contact = await api.contact()
    before = await api.get("/orders")
    preview = await api.post("/orders/preview", {"items": LINES, "charges": CHARGES}, 200)
    assert await api.get("/orders") == before
    order = await api.order(contact, items=LINES, charges=CHARGES)
    assert preview["summary"] == order["summary"]
    assert [item["total"] for item in preview["items"]] == [item["total"] for item in order["items"]]
    assert [one["amount"] for one in preview["charges"]] == [one["amount"] for one in order["charges"]]
    assert preview["currency"] == order["currency"]


async def test_O9_a_preview_of_a_change_is_what_the_change_would_give(api: Api) -> None:
    order = await api.order(await api.contact(), items=LINES, charges=CHARGES)
    await api.post(f"/orders/{order['id']}/payments", {"amount": 700})
    wish = {"items": [{"id": order["items"][1]["id"], "quantity": "1.5"}, {"name": "Spoon", "unit_price": 33}]}
    preview = await api.post("/orders/preview", {"order_id": order["id"], **wish}, 200)
    changed = await change(api, order, **wish)
    assert preview["summary"] == changed["summary"]
    assert preview["summary"]["paid"] == 700


async def test_T6_a_preview_fills_in_what_the_catalogue_knows(api: Api) -> None:
    await api.post(
        "/products", {"sku": "COF", "name": "Beans", "unit_price": 4990, "currency": "BRL", "tax_rate": "10"}
    )
    preview = await api.post("/orders/preview", {"items": [{"sku": "COF", "quantity": 2}]}, 200)
    [item] = preview["items"]
    assert (item["name"], item["unit_price"], item["tax_rate"], item["total"]) == ("Beans", 4990, "10", 10978)


async def test_a_preview_refuses_what_could_not_be_saved(api: Api) -> None:
    for body, status, field in (
        ({"items": [{"unit_price": 1}]}, 422, "items.0.name"),
        ({"items": [{"name": "A", "unit_price": 1, "discount": 9}]}, 422, "amount"),
        ({"currency": "QQQ"}, 422, "currency"),
    ):
        answer = await api.ask("POST", "/orders/preview", json=body)
        assert (answer.status, answer.fields) == (status, [field])
    done = await api.order(await api.contact(), status="completed")
    assert (await api.ask("POST", "/orders/preview", json={"order_id": done["id"], "items": LINES})).status == 409
    assert (await api.ask("POST", "/orders/preview", json={"order_id": new_id(), "items": LINES})).status == 404
    theirs = await api.other_account()
    answer = await api.ask("POST", "/orders/preview", json={"order_id": done["id"]}, token=theirs)
    assert answer.status == 404


async def test_O10_an_object_that_was_spoken_of_twice_in_one_moment_is_explained(api: Api) -> None:
    order = await api.order(await api.contact())
    account_id = api.shop.account_id
    async with transaction(api.shop.ctx.pool) as connection:
        held = await dossiers.lock(connection, account_id, [order["id"]])
        dossier = held[order["id"]]
        for fields in ({"status": "failed"}, {"amount": 5}):
            fact = Fact("stripe:pi_1", Kind.PAYMENT, (Statement(1_790_000_000_000_000, fields),))
            dossier = add(dossier, Reading((fact,)))
        await dossiers.save(connection, account_id, {order["id"]: dossier})
    explained = await api.get(f"/orders/{order['id']}/explain")
    assert [one["key"] for one in explained["statements"]].count("stripe:pi_1") == 2
