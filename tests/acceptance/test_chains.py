"""The chains of T5 as a sales team would run them, over the API."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api, api
from worker.store.checks import broken

__all__ = ["api"]

ITEMS = [
    {"sku": "DESK", "name": "Desk", "quantity": 2, "unit_price": 45_000, "tax_rate": "10"},
    {"sku": "LAMP", "name": "Lamp", "quantity": 3, "unit_price": 6_000, "discount": 1_000},
]
CHARGES = [{"kind": "shipping", "value": 5_000}]
TOTAL = 2 * 45_000 + 9_000 + 3 * 6_000 - 1_000 + 5_000


async def child(api: Api, parent: dict[str, Any], template: str, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = await api.post(f"/orders/{parent['id']}/children", {"template": template, **fields})
    return found


async def move(api: Api, order: dict[str, Any], status: str) -> dict[str, Any]:
    found: dict[str, Any] = await api.post(f"/orders/{order['id']}/status", {"status": status}, 200)
    return found


async def look(api: Api, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await api.get(f"/orders/{order['id']}")
    return found


async def test_T5_from_an_opportunity_to_an_invoice_that_is_paid(api: Api) -> None:
    contact = await api.contact()
    opportunity = await api.order(contact, template="opportunity", title="Office fit-out", items=ITEMS, charges=CHARGES)
    assert (opportunity["type"], opportunity["amount"]) == ("opportunity", TOTAL)

    quote = await child(api, opportunity, "quote")
    assert (quote["parent_id"], quote["contact_id"], quote["amount"]) == (opportunity["id"], contact, TOTAL)
    assert [item["parent_item_id"] for item in quote["items"]] == [item["id"] for item in opportunity["items"]]

    sale = await child(api, quote, "sale", title="Office of Ana")
    assert (sale["type"], sale["status"], sale["amount"], sale["charges"][0]["amount"]) == ("sale", "new", TOTAL, 5_000)
    await move(api, sale, "processing")

    invoice = await child(api, sale, "invoice")
    assert invoice["title"] == "Invoice for Office of Ana"
    assert invoice["summary"]["order_total"] == TOTAL

    await api.post(f"/orders/{invoice['id']}/payments", {"amount": 60_000, "method": "bank_transfer"})
    sale = await look(api, sale)
    assert (sale["payment_status"], sale["amount_paid"], sale["summary"]["remaining"]) == (
        "partially_paid", 60_000, TOTAL - 60_000,
    )  # fmt: skip
    assert sale["payments"] == []  # they are the invoice's; the sum counts once

    await api.post(f"/orders/{invoice['id']}/payments", {"amount": TOTAL - 60_000})
    sale, invoice = await look(api, sale), await look(api, invoice)
    assert (invoice["payment_status"], invoice["is_paid"]) == ("paid", True)
    assert (sale["payment_status"], sale["amount_paid"], sale["sales_status"]) == ("paid", TOTAL, "completed")
    assert (await move(api, sale, "completed"))["status"] == "completed"


async def test_T5_from_a_completed_sale_to_a_return_whose_invoice_records_the_refund(api: Api) -> None:
    sale = await api.order(await api.contact(), items=ITEMS, charges=CHARGES)
    refused = await api.ask("POST", f"/orders/{sale['id']}/children", json={"template": "return"})
    assert (refused.status, refused.json["code"]) == (409, "child_not_allowed")
    assert "completed" in refused.json["detail"]

    await api.post(f"/orders/{sale['id']}/payments", {"amount": TOTAL})
    await move(api, sale, "completed")
    lamp = sale["items"][1]
    returned = await child(api, sale, "return", items=[{"item_id": lamp["id"], "quantity": 1}])
    assert [(item["name"], item["quantity"], item["total"]) for item in returned["items"]] == [("Lamp", 1, 5_667)]
    assert returned["charges"] == []

    await move(api, returned, "processing")
    credit = await child(api, returned, "invoice")
    assert credit["amount"] == 5_667
    await api.post(f"/orders/{credit['id']}/payments", {"amount": 5_667, "comment": "paid back"})

    returned, sale = await look(api, returned), await look(api, sale)
    assert (returned["payment_status"], returned["amount_paid"]) == ("paid", 5_667)
    assert (sale["amount_paid"], sale["amount_refunded"], sale["payment_status"]) == (TOTAL, 5_667, "paid")
    assert sale["summary"]["refunded"] == 5_667
    explained = await api.get(f"/orders/{sale['id']}/explain")
    assert (explained["received"], explained["returned"]) == (TOTAL, 5_667)


async def test_T5_a_line_is_in_one_child_of_each_type_until_that_child_is_void(api: Api) -> None:
    sale = await api.order(await api.contact(), items=ITEMS)
    desk, lamp = (item["id"] for item in sale["items"])
    first = await child(api, sale, "invoice", items=[{"item_id": desk, "quantity": 1}])
    again = await api.ask(
        "POST", f"/orders/{sale['id']}/children", json={"template": "invoice", "items": [{"item_id": desk}]}
    )
    assert (again.status, again.json["code"], again.fields) == (409, "lines_taken", ["items.0.item_id"])
    await child(api, sale, "shipping", items=[{"item_id": desk}])  # another type has its own

    rest = await child(api, sale, "invoice")
    assert [item["parent_item_id"] for item in rest["items"]] == [lamp]
    none = await api.ask("POST", f"/orders/{sale['id']}/children", json={"template": "invoice"})
    assert (none.status, none.json["code"]) == (409, "lines_taken")

    assert (await api.ask("DELETE", f"/orders/{first['id']}")).json["status"] == "void"
    freed = await child(api, sale, "invoice")
    assert [item["parent_item_id"] for item in freed["items"]] == [desk]
    kinds = [(one["type"], one["status"]) for one in (await api.get(f"/orders/{sale['id']}/children"))["items"]]
    assert kinds == [("invoice", "void"), ("shipping", "new"), ("invoice", "new"), ("invoice", "new")]


async def on_stock(api: Api, sku: str) -> dict[str, tuple[Any, Any, Any]]:
    """(on hand, reserved, incoming) of a product by location."""
    found = (await api.get(f"/stock?sku={sku}"))["items"]
    return {one["location_id"]: (one["on_hand"], one["reserved"], one["incoming"]) for one in found}


async def test_T4_stock_follows_a_purchase_a_sale_its_transfer_and_its_return(api: Api) -> None:
    store, shop = await api.location("store"), await api.location("shop")
    contact = await api.contact()
    desks = [{"sku": "DESK", "name": "Desk", "quantity": 10, "unit_price": 20_000}]

    purchase = await api.order(contact, template="purchase", items=desks, location_id=store, status="processing")
    assert await on_stock(api, "DESK") == {store: (0, 0, 10)}
    await move(api, purchase, "completed")
    assert await on_stock(api, "DESK") == {store: (10, 0, 0)}

    items = [{**desks[0], "quantity": 2}, {"sku": "HOURS", "name": "Assembly", "quantity": 3, "service": True}]
    sale = await api.order(contact, items=items, location_id=shop, status="processing")
    assert await on_stock(api, "DESK") == {store: (10, 0, 0), shop: (0, 2, 0)}

    transfer = await child(
        api, sale, "transfer", items=[{"item_id": sale["items"][0]["id"]}], location_id=store,
        destination_location_id=shop,
    )  # fmt: skip
    assert await on_stock(api, "DESK") == {store: (10, 0, 0), shop: (0, 0, 0)}  # the transfer carries the line now
    await move(api, transfer, "processing")
    assert await on_stock(api, "DESK") == {store: (10, 2, 0), shop: (0, 0, 2)}
    await move(api, transfer, "completed")
    await move(api, sale, "completed")
    assert await on_stock(api, "DESK") == {store: (8, 0, 0), shop: (2, 0, 0)}

    back = await child(api, sale, "return", items=[{"item_id": sale["items"][0]["id"], "quantity": 1}])
    assert back["location_id"] == shop
    await move(api, back, "completed")
    assert await on_stock(api, "DESK") == {store: (8, 0, 0), shop: (3, 0, 0)}
    assert (await api.get("/stock?sku=HOURS"))["items"] == []
    assert await broken(api.shop.ctx.pool) == {}
