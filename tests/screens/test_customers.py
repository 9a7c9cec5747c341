"""The list of customers and the customer card (S5, O11, O12): what they show is what the database holds."""

from __future__ import annotations

import re
from typing import Any

from schemas.account import Permission
from tests.screens.conftest import Office, shown
from worker.ids import new_id
from worker.store import tokens

HOSTILE = '<script>alert("1")</script>'


async def _paid(office: Office, contact_id: str, amount: int, **fields: Any) -> dict[str, Any]:
    order = await office.api.order(contact_id, amount=amount, items=None, **fields)
    await office.api.post(f"/orders/{order['id']}/payments", {"amount": amount, "system": "cash"})
    return order


async def test_S5_the_list_shows_each_customer_with_their_orders_and_finds_them(office: Office) -> None:
    api = office.api
    owner = await api.token_id("manager")
    ana = await api.post("/contacts", {"name": "Ana Silva", "email": "ana@example.com", "owner_id": owner})
    await api.post("/contacts", {"name": "Bia", "email": "bia@example.com"})
    await api.order(ana["id"])
    last = await api.order(ana["id"])
    page = await office.page("/customers")
    assert f'href="/customers/{ana["id"]}"' in page
    assert f'href="/orders?contact_id={ana["id"]}">2<' in page
    assert f'href="/orders/{last["id"]}">#{last["number"]}</a>' in page
    assert "Bia" in page
    for query in ("q=silv", "q=ANA%40", f"owner_id={owner}", "email=ana%40example.com"):
        found = await office.page(f"/customers?{query}")
        assert ("Ana Silva" in found, ">Bia<" in found) == (True, False), query
    assert "Nobody matches" in await office.page("/customers?q=nobody")
    assert (await office.ask("/customers?limit=0"))[0] == 422


async def test_S5_the_list_goes_on_by_its_cursor(office: Office) -> None:
    for number in range(5):
        await office.api.post("/contacts", {"name": f"Number{number}"})
    seen: list[str] = []
    path: str | None = "/customers?limit=2"
    while path:
        page = await office.page(path)
        seen += re.findall(r"Number\d", page.partition("<tbody>")[2])
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert list(dict.fromkeys(seen)) == [f"Number{number}" for number in (4, 3, 2, 1, 0)]


async def test_S5_O11_the_card_shows_all_that_is_known_of_a_customer(office: Office) -> None:
    api = office.api
    contact = (await api.post("/contacts", {"name": "Ana", "email": "ana@example.com", "phone": "+55 11"}))["id"]
    offer = await api.post("/offers", {"name": "Course", "unit_price": 900})
    deal = await api.deal(contact_id=contact)
    order = await _paid(office, contact, 12_345)
    await api.post(f"/orders/{order['id']}/refunds", {"amount": 345})
    await _paid(office, contact, 700, currency="JPY")
    plan = await api.post(f"/contacts/{contact}/sales-plans", {"offer_id": offer["id"], "note": "In March"})
    product = await api.post(
        "/products", {"sku": "MILL-1", "name": "Mill", "kind": "goods", "unit_price": 5, "tracked": True}
    )
    await api.post("/units", {"product_id": product["id"], "serial_number": "SN-77", "contact_id": contact})
    page = await office.page(f"/customers/{contact}")
    card = await api.get(f"/contacts/{contact}")
    assert [(total["currency"], total["paid"], total["refunded"]) for total in card["totals"]] == [
        ("BRL", 12_345, 345),
        ("JPY", 700, 0),
    ]
    assert shown(page, "total", "BRL") == "BRL 120.00"
    assert shown(page, "total", "JPY") == "JPY 700", "currencies are never added"
    for link in (
        f"/orders/{order['id']}", f"/orders?contact_id={contact}", f"/orders/new?contact_id={contact}",
        f"/checkouts/new?contact_id={contact}", f"/deals/new?contact_id={contact}", f"/deals/{deal}", "mailto:ana@example.com",
    ):  # fmt: skip
        assert f'href="{link}"' in page, link
    payments = (await api.get("/payments"))["items"]
    assert all(f'href="/payments/{payment["id"]}"' in page for payment in payments)
    for text in ("Course", "In March", "Mill", "SN-77", "+55 11"):
        assert text in page, text
    assert f'data-call="DELETE /api/v1/contacts/{contact}/sales-plans/{plan["id"]}"' in page
    assert f'data-call="PATCH /api/v1/contacts/{contact}" data-version="{card["version"]}"' in page


async def test_S5_a_failed_payment_says_why_in_plain_words_beside_its_code(office: Office) -> None:
    contact = await office.api.contact()
    order = await office.api.order(contact)
    payment = await office.api.post(f"/orders/{order['id']}/payments", {"amount": 5, "system": "cash"})
    await office.api.shop.ctx.pool.execute(
        "UPDATE payments SET status = 'failed', failure_code = 'insufficient_funds', failure_reason = 'insufficient funds' "
        "WHERE account_id = $1 AND id = $2",
        office.api.shop.account_id, payment["payments"][0]["id"],
    )  # fmt: skip
    assert "insufficient funds <code>insufficient_funds</code>" in await office.page(f"/customers/{contact}")


async def test_O12_a_private_rep_sees_their_own_customers_and_nobody_elses(office: Office) -> None:
    api = office.api
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [])
    mine = await api.post("/contacts", {"name": "Mine", "owner_id": row.id})
    theirs = await api.post("/contacts", {"name": "Theirs", "owner_id": await api.token_id("rep")})
    await _paid(office, theirs["id"], 777)
    await _paid(office, mine["id"], 500)
    await api.set(owner_privacy=True)
    page = await office.page("/customers", rep)
    assert ("Mine" in page, "Theirs" in page) == (True, False)
    assert shown(await office.page(f"/customers/{mine['id']}", rep), "total", "BRL") == "BRL 5.00"
    assert (await office.ask(f"/customers/{theirs['id']}", rep))[0] == 404
    other = await api.other_account()
    assert (await office.ask(f"/customers/{mine['id']}", other))[0] == 404
    assert "Mine" not in await office.page("/customers", other)
    assert (await office.ask(f"/customers/{new_id()}"))[0] == 404


async def test_H2_buttons_are_for_those_who_may_press_them(office: Office) -> None:
    api = office.api
    row, manager = await tokens.add(
        api.shop.ctx.pool, api.shop.account_id, "manager", "manager", [Permission.CRM_MANAGE]
    )
    own = (await api.post("/contacts", {"name": "Own", "owner_id": row.id}))["id"]
    other = (await api.post("/contacts", {"name": "Other"}))["id"]
    reader = await api.token("rep")
    assert 'data-opens="edit"' in await office.page(f"/customers/{own}", manager)
    page = await office.page(f"/customers/{other}", manager)
    assert ('data-opens="edit"' in page, 'data-opens="plan"' in page) == (False, True)
    page = await office.page(f"/customers/{own}", reader)
    assert "data-call=" not in page
    assert "New order" not in page
    assert "New customer" not in await office.page("/customers", reader)
    assert "data-call=" not in await office.page("/customers/new", reader)
    assert 'data-call="POST /api/v1/contacts"' in await office.page("/customers/new", manager)


async def test_I3_a_name_is_text_whatever_it_holds(office: Office) -> None:
    contact = (await office.api.post("/contacts", {"name": HOSTILE}))["id"]
    await office.api.post(f"/contacts/{contact}/sales-plans", {"note": HOSTILE})
    for path in ("/customers", f"/customers/{contact}", f"/deals/new?contact_id={contact}"):
        page = await office.page(path)
        assert HOSTILE not in page, path
        assert "&lt;script&gt;" in page, path


async def test_O13_while_the_registry_is_off_there_is_nothing_to_see(office: Office) -> None:
    await office.api.set(registry_enabled=False)
    for path in ("/customers", "/customers/new", "/deals", "/deals/new", "/reports"):
        status, _, text = await office.ask(path)
        assert (status, "The order registry is off" in text) == (403, True), path
