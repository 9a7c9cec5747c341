"""The field on top of every page: what is named exactly is gone to at once, the rest is listed (D3, D4, O12)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from schemas.account import Permission
from tests.api.conftest import Api
from tests.screens.conftest import Office
from tests.world import payload
from worker.store import tokens


async def _lead(office: Office, text: str, token: str | None = None) -> str:
    """Where the text leads; empty where it leads nowhere."""
    status, to, _ = await office.ask(f"/find?q={quote(text)}", token)
    assert status in (200, 303), (text, status)
    return to


async def _stripe(api: Api) -> tuple[str, dict[str, Any]]:
    """An event of Stripe's and the order that it made."""
    event = await api.shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    [order] = [order for order in await api.pages("/orders", 50) if order["origin"] == "stripe"]
    return event, order


async def test_D4_what_is_named_exactly_is_gone_to_at_once(office: Office) -> None:
    api = office.api
    contact = await api.contact()
    order = await api.order(contact, external_id="shop-1001", title="Cup no. 5")
    await api.post(f"/orders/{order['id']}/payments", {"amount": 2000, "system": "cash"})
    [payment] = (await api.get("/payments"))["items"]
    deal = await api.deal()
    event, session = await _stripe(api)
    delivery = (await api.get(f"/events/{event}"))["delivery_id"]
    leads = {
        str(order["number"]): f"/orders/{order['id']}",
        f"#{order['number']}": f"/orders/{order['id']}",
        f" order {order['number']} ": f"/orders/{order['id']}",
        order["id"].upper(): f"/orders/{order['id']}",
        "shop-1001": f"/orders/{order['id']}",
        "ANA@example.com": f"/customers/{contact}",
        contact: f"/customers/{contact}",
        deal: f"/deals/{deal}",
        f"payment {payment['number']}": f"/payments/{payment['id']}",
        payment["id"]: f"/payments/{payment['id']}",
        session["external_id"]: f"/orders/{session['id']}",
        event: f"/events/{event}",
        delivery: f"/events/{event}",
    }
    assert {text: await _lead(office, text) for text in leads} == leads
    merged = await api.shop.merged(order["id"])
    assert await _lead(office, merged) == f"/orders/{order['id']}"


async def test_D4_what_is_not_named_exactly_is_listed_by_kind(office: Office) -> None:
    api = office.api
    contact = await api.contact()
    order = await api.order(contact, title="Silva's cups")
    deal = await api.deal(title="Silva, three cafés")
    page = await office.page("/find?q=silva")
    for link in (f"/orders/{order['id']}", f"/customers/{contact}", f"/deals/{deal}"):
        assert f'href="{link}"' in page, link
    assert "Nothing matches" in await office.page("/find?q=nothing+like+it")
    assert "What can be found" in await office.page("/find")
    for number in range(11):
        await api.order(contact, title=f"Silva's cup {number}")
    page = await office.page("/find?q=silva")
    assert 'href="/orders?q=silva"' in page
    assert page.count('href="/orders/') == 10


@pytest.mark.parametrize(
    "text", ["%", "#", "'", "\\", "<b>", "9" * 18, "9" * 40, "payment 0", "-1", "a" * 200, "ﬁ ½ ٣"]
)
async def test_I3_any_text_is_answered(office: Office, text: str) -> None:
    status, _, page = await office.ask(f"/find?q={quote(text)}")
    assert status == 200
    assert "<b></b>" not in page


async def test_I3_what_no_text_is_is_refused(office: Office) -> None:
    assert (await office.ask("/find?q=%00"))[0] == 422
    assert (await office.ask(f"/find?q={'a' * 300}"))[0] == 422


async def test_O12_what_is_beyond_reach_is_not_found(office: Office) -> None:
    api = office.api
    row, rep = await tokens.add(api.shop.ctx.pool, api.shop.account_id, "rep", "rep", [Permission.OPS_VIEW])
    mine = (await api.post("/contacts", {"name": "Xanadu mine", "owner_id": row.id}))["id"]
    theirs = (await api.post("/contacts", {"name": "Xanadu theirs", "email": "x@example.com"}))["id"]
    own = await api.order(mine)
    order = await api.order(theirs, external_id="x-1", title="Xanadu")
    await api.post(f"/orders/{order['id']}/payments", {"amount": 2000, "system": "cash"})
    [payment] = (await api.get("/payments"))["items"]
    deal = await api.deal(title="Xanadu deal")
    event, session = await _stripe(api)
    hidden = [
        str(order["number"]), order["id"], "x-1", "x@example.com", theirs, f"payment {payment['number']}", payment["id"],
        deal, event, session["external_id"], session["id"], await api.shop.merged(order["id"]),
    ]  # fmt: skip
    other = await api.other_account()
    await api.set(owner_privacy=True)
    for token in (rep, other):
        assert {text: await _lead(office, text, token) for text in hidden} == dict.fromkeys(hidden, "")
    assert await _lead(office, own["id"], rep) == f"/orders/{own['id']}"
    page = await office.page("/find?q=xanadu", rep)
    assert ("Xanadu mine" in page, theirs in page, order["id"] in page, deal in page) == (True, False, False, False)
    assert "Nothing matches" in await office.page("/find?q=xanadu", other)


async def test_O13_without_the_registry_only_events_are_found(office: Office) -> None:
    api = office.api
    contact = await api.contact()
    event, _ = await _stripe(api)
    await api.set(registry_enabled=False)
    assert await _lead(office, event) == f"/events/{event}"
    page = await office.page("/find?q=ana%40example.com")
    assert "only events are searched" in page
    assert contact not in page


async def test_D3_events_are_for_those_who_see_them(office: Office) -> None:
    event, _ = await _stripe(office.api)
    reader = await office.api.token("rep")
    assert await _lead(office, event, reader) == ""
    assert f"/events/{event}" not in await office.page(f"/find?q={event}", reader)
