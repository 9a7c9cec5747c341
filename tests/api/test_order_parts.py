"""Lines and charges of an order, one at a time (O7, O8, O9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api
from worker.ids import new_id


async def test_O7_lines_are_added_changed_removed_and_reordered(api: Api) -> None:
    order = await api.order(await api.contact(), items=[{"name": "A", "unit_price": 100}])
    path = f"/orders/{order['id']}/items"
    order = await api.post(path, {"name": "B", "unit_price": 50, "quantity": "1.5", "tax_rate": "10"}, 200)
    assert ([item["name"] for item in order["items"]], order["amount"]) == (["A", "B"], 100 + 75 + 8)
    first, second = (item["id"] for item in order["items"])
    changed = await api.ask("PATCH", f"{path}/{second}", json={"quantity": 2, "tax_rate": None})
    assert ([item["id"] for item in changed.json["items"]], changed.json["amount"]) == ([first, second], 200)
    moved = await api.ask("PUT", f"{path}/order", json={"items": [second, first]})
    assert [(item["name"], item["position"]) for item in moved.json["items"]] == [("B", 1), ("A", 2)]
    left = await api.ask("DELETE", f"{path}/{first}")
    assert ([item["id"] for item in left.json["items"]], left.json["summary"]["order_total"]) == ([second], 100)
    again = await api.post(path, {"name": "C"}, 200)
    assert again["items"][1]["id"] not in (first, second)  # an id is never another line's
    fields = [change["field"] for change in (await api.get(f"/orders/{order['id']}/timeline"))["items"][0]["changes"]]
    assert fields == ["items"]


async def test_O8_charges_are_added_changed_and_removed_in_their_order(api: Api) -> None:
    order = await api.order(await api.contact(), items=[{"name": "A", "unit_price": 1000}])
    path = f"/orders/{order['id']}/charges"
    order = await api.post(path, {"kind": "discount", "mode": "percent", "value": "10"}, 200)
    order = await api.post(path, {"kind": "tax", "mode": "percent", "of": "running", "value": 20, "label": "VAT"}, 200)
    assert ([charge["amount"] for charge in order["charges"]], order["amount"]) == ([-100, 180], 1080)
    discount = order["charges"][0]["id"]
    changed = await api.ask("PATCH", f"{path}/{discount}", json={"value": "50"})
    assert ([charge["amount"] for charge in changed.json["charges"]], changed.json["amount"]) == ([-500, 100], 600)
    bad = await api.ask("PATCH", f"{path}/{discount}", json={"mode": "fixed", "value": "1.5"})
    assert (bad.status, bad.fields) == (422, ["value"])
    left = await api.ask("DELETE", f"{path}/{discount}")
    assert (left.json["amount"], left.json["charges"][0]["label"]) == (1200, "VAT")
    await api.post(f"/orders/{order['id']}/status", {"status": "processing"}, 200)
    refused = await api.ask("POST", path, json={"kind": "shipping", "value": 1})
    assert (refused.status, refused.json["code"], refused.fields) == (409, "stage", ["charges"])


async def test_O9_a_total_below_zero_is_refused_and_nothing_changes(api: Api) -> None:
    order = await api.order(await api.contact(), items=[{"name": "A", "unit_price": 100}])
    refused = await api.ask("POST", f"/orders/{order['id']}/charges", json={"kind": "discount", "value": 101})
    assert (refused.status, refused.fields) == (422, ["amount"])
    assert await api.get(f"/orders/{order['id']}") == order


@pytest.mark.parametrize("noun", ["items", "charges"])
async def test_what_an_order_does_not_have_is_404(api: Api, noun: str) -> None:
    order = await api.order(await api.contact())
    for method, body in (("PATCH", {}), ("DELETE", None)):
        answer = await api.ask(method, f"/orders/{order['id']}/{noun}/{new_id()}", json=body)
        assert answer.status == 404
        assert (await api.ask(method, f"/orders/{new_id()}/{noun}/{new_id()}", json=body)).status == 404


async def test_a_change_by_what_was_seen_before_is_412(api: Api) -> None:
    order = await api.order(await api.contact())
    item = f"/orders/{order['id']}/items/{order['items'][0]['id']}"
    assert (await api.ask("PATCH", item, json={"quantity": 3}, headers={"If-Match": '"1"'})).status == 200
    late: Any = await api.ask("DELETE", item, headers={"If-Match": '"1"'})
    assert late.status == 412


async def test_a_list_that_is_not_the_orders_lines_is_refused(api: Api) -> None:
    order = await api.order(await api.contact())
    item = order["items"][0]["id"]
    for ids in ([], [item, item]):
        refused = await api.ask("PUT", f"/orders/{order['id']}/items/order", json={"items": ids})
        assert (refused.status, refused.fields) == (422, ["items"])
