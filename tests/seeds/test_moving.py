"""An account moved to another by its export (T7)."""

from __future__ import annotations

from typing import Any

from tests.acceptance.test_chains import CHARGES, ITEMS, child, move
from tests.api.conftest import Api
from tests.seeds.conftest import Account
from tests.world import payload
from worker.store.checks import broken

DELIVERIES = (
    ("stripe", "checkout_session_completed__2020-08-27.json", ""),
    ("stripe", "payment_intent_succeeded__2025-04-30.basil.json", ""),
    ("stripe", "invoice_paid__2020-08-27.json", ""),
    ("stripe", "charge_refunded__2020-08-27.json", ""),
    ("shopify", "orders_create__partially_paid.json", "orders/create"),
    ("shopify", "orders_create__eur_no_customer.json", "orders/create"),
    ("shopify", "orders_cancelled__partially_refunded.json", "orders/cancelled"),
    ("shopify", "refunds_create__1.json", "refunds/create"),
    ("shopify", "orders_updated__pln_0.json", "orders/updated"),
)


async def _trade(api: Api) -> None:
    """Orders of every kind: from webhooks, by hand, edited, with children, stock, payments and refunds."""
    for connection, name, topic in DELIVERIES:
        await api.shop.deliver(connection, payload(connection, name), topic)
    contact = await api.contact()
    nobody = (await api.post("/contacts", {"name": "Somebody without an address"}))["id"]
    lisbon = await api.post("/locations", {"slug": "lisbon", "name": "Warehouse Lisbon"})
    porto = await api.post("/locations", {"slug": "porto", "name": "Shop Porto"})
    await api.post("/product-templates", {"slug": "furniture", "name": "Furniture", "columns": [
        {"key": "wood", "label": "Wood", "type": "text"}]})  # fmt: skip
    await api.post("/products", {"sku": "DESK", "name": "Desk", "unit_price": 45_000, "tax_rate": "10",
                                 "product_template": "furniture", "attributes": {"wood": "oak"}})  # fmt: skip
    await api.post("/products", {"sku": "LAMP", "name": "Lamp", "unit_price": 6_000})
    await api.post("/price-lists", {"slug": "trade", "name": "Trade", "entries": [
        {"sku": "LAMP", "unit_price": 5_000}, {"sku": "LAMP", "unit_price": 4_000, "from_quantity": "10"}]})  # fmt: skip
    await api.post("/templates", {"slug": "trade", "name": "Trade", "type": "sale", "title": "Trade {sequence}",
                                  "price_list": "trade"})  # fmt: skip
    offer = await api.post("/offers", {"name": "Course", "unit_price": 9_900, "several_units": True})
    deal = await api.deal(contact_id=contact, amount=5_000)
    sale = await api.order(contact, items=ITEMS, charges=CHARGES, location_id=lisbon["id"], deal_id=deal, title="Big")
    await move(api, sale, "processing")
    invoice = await child(api, sale, "invoice")
    await api.post(f"/orders/{invoice['id']}/payments", {"amount": 60_000, "method": "cash"})
    await api.post(f"/orders/{invoice['id']}/refunds", {"amount": 1_000, "reason": "late"})
    transfer = await child(api, sale, "transfer", location_id=porto["id"], destination_location_id=lisbon["id"])
    await move(api, transfer, "completed")
    await move(api, sale, "completed")
    back = await child(api, sale, "return", items=[{"item_id": sale["items"][1]["id"], "quantity": 1}])
    await child(api, back, "invoice")
    wrong = await child(api, sale, "shipping")
    await api.ask("DELETE", f"/orders/{wrong['id']}")
    await api.order(nobody, template="trade", items=[{"sku": "LAMP", "quantity": 12}], external_id="T-1")
    await api.order(contact, offer_id=offer["id"], quantity=3, items=None)
    shop_order = await api.shop.rows("SELECT id FROM orders WHERE source = 'commerce' ORDER BY external_id LIMIT 1")
    await api.ask("PATCH", f"/orders/{shop_order[0]['id']}", json={"notes": "call first", "deal_id": deal})
    await api.order(contact, payment_status="paid", amount=700, items=None)


async def test_T7_an_export_imported_into_an_empty_account_gives_the_same_orders(
    api: Api, here: Account, there: Account
) -> None:
    await _trade(api)
    exported = await here.dump()
    counts = await there.load(exported)
    assert (counts.made, counts.changed, counts.unchanged) == (len(exported), 0, 0)
    for moved, order in zip(await there.books(), await here.books(), strict=True):
        assert moved == order
    assert await _levels(there) == await _levels(here)
    assert not await broken(api.shop.ctx.pool)


async def test_T7_an_import_again_makes_nothing_new(api: Api, here: Account, there: Account) -> None:
    await _trade(api)
    exported = await here.dump()
    await there.load(exported)
    before = await there.books(), [order["version"] for order in await there.all("orders")]
    again = await there.load(exported)
    assert (again.made, again.changed, again.unchanged) == (0, 0, len(exported))
    home = await here.load(exported)
    assert (home.made, home.changed, home.unchanged) == (0, 0, len(exported))
    assert (await there.books(), [order["version"] for order in await there.all("orders")]) == before
    assert await there.dump() != []


async def test_T7_numbers_follow_the_file_without_gaps(api: Api, here: Account, there: Account) -> None:
    await _trade(api)
    await there.load(await here.dump())
    numbers = [order["number"] for order in await there.all("orders")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


async def test_T7_a_newer_export_brings_the_orders_up_to_date(api: Api, here: Account, there: Account) -> None:
    order = await api.order(await api.contact(), external_id="A-1")
    await there.load(await here.dump())
    await api.post(f"/orders/{order['id']}/payments", {"amount": 500})
    await api.ask("PATCH", f"/orders/{order['id']}", json={"notes": "pays the rest on Friday"})
    counts = await there.load(await here.dump())
    assert (counts.made, counts.changed) == (0, 1)
    assert await there.books() == await here.books()


async def _levels(account: Account) -> Any:
    return await account.api.shop.rows(
        "SELECT l.slug, s.sku, s.bucket, s.quantity FROM stock_levels s"
        " JOIN locations l ON l.account_id = s.account_id AND l.id = s.location_id"
        " WHERE s.account_id = $1 AND s.quantity <> 0 ORDER BY 1, 2, 3",
        account.id,
    )
