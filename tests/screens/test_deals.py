"""Deals and their orders on screen (S5, O11, O12)."""

from __future__ import annotations

from schemas.account import Permission
from tests.screens.conftest import Office, shown
from worker.store import tokens


async def test_S5_a_deal_shows_its_orders_and_what_they_came_to(office: Office) -> None:
    api = office.api
    contact = await api.contact()
    deal = await api.deal(contact_id=contact, amount=250_000)
    order = await api.order(contact, deal_id=deal, amount=900, items=None)
    await api.post(f"/orders/{order['id']}/payments", {"amount": 900, "system": "cash"})
    elsewhere = await api.order(contact, amount=77, items=None)
    page = await office.page(f"/deals/{deal}")
    assert (await api.get(f"/deals/{deal}"))["totals"] == [
        {"currency": "BRL", "orders": 1, "amount": 900, "paid": 900, "refunded": 0}
    ]
    assert shown(page, "total", "BRL") == "BRL 9.00"
    assert f'href="/orders/{order["id"]}"' in page
    assert elsewhere["id"] not in page
    for link in (f"/customers/{contact}", f"/orders?deal_id={deal}"):
        assert f'href="{link}"' in page, link
    assert 'value="2500.00"' in page
    assert "BRL 2,500.00" in page


async def test_S5_the_list_is_filtered_by_what_the_address_says(office: Office) -> None:
    api = office.api
    owner = await api.token_id("manager")
    contact = await api.contact()
    await api.deal(title="Beans for a café", owner_id=owner, contact_id=contact)
    await api.deal(title="Cups for a bar", status="won")
    for query, wanted in {
        "": (True, True), "status=won": (False, True), f"owner_id={owner}": (True, False), "q=caf%C3%A9": (True, False),
        f"contact_id={contact}": (True, False),
    }.items():  # fmt: skip
        page = await office.page(f"/deals?{query}")
        assert ("Beans for a café" in page, "Cups for a bar" in page) == wanted, query
    assert (await office.ask("/deals?status=gone"))[0] == 422
    assert "No deal matches" in await office.page("/deals?q=nothing")


async def test_S5_a_new_deal_is_for_the_customer_that_was_found(office: Office) -> None:
    contact = await office.api.contact()
    assert f'href="/deals/new?contact_id={contact}"' in await office.page("/deals/new?q=silva")
    page = await office.page(f"/deals/new?contact_id={contact}")
    assert f'<input type="hidden" name="contact_id" value="{contact}">' in page
    assert 'data-call="POST /api/v1/deals"' in page


async def test_O12_a_deal_of_somebody_else_is_not_there_and_their_customer_has_no_name(office: Office) -> None:
    api = office.api
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [Permission.CRM_MANAGE])
    contact = (await api.post("/contacts", {"name": "Xanadu"}))["id"]
    mine = await api.deal(title="Mine", owner_id=row.id, contact_id=contact)
    theirs = await api.deal(title="Theirs")
    await api.order(contact, deal_id=mine)
    await api.set(owner_privacy=True)
    page = await office.page("/deals", rep)
    assert ("Mine" in page, "Theirs" in page, "Xanadu" in page) == (True, False, False)
    page = await office.page(f"/deals/{mine}", rep)
    assert "Xanadu" not in page
    assert contact not in page
    assert (await office.ask(f"/deals/{theirs}", rep))[0] == 404
    assert (await office.ask(f"/deals/{mine}", await api.other_account()))[0] == 404


async def test_H2_only_who_may_change_a_deal_is_offered_it(office: Office) -> None:
    api = office.api
    deal = await api.deal()
    assert 'data-opens="edit"' in await office.page(f"/deals/{deal}")
    for role, permissions in (("rep", ()), ("manager", (Permission.CRM_MANAGE,))):
        page = await office.page(f"/deals/{deal}", await api.token(role, *permissions))
        assert "data-call=" not in page, role
