"""Forms and buttons that ask the API (`actions.js`): on a page of the real thing, asking the real API.

The forms are put into the overview by the tests, so that each rule is tried whatever the pages need at the moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Request, Route

from tests.browser.conftest import Tab
from worker.ids import new_id
from worker.screens.session import COOKIE
from worker.store import tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")

FORM = """(markup) => {
    const place = document.createElement("section");
    place.dataset.own = "";
    place.innerHTML = markup;
    document.querySelector("main").prepend(place);
}"""
CONTACT = """
<form id="tried" data-call="POST /api/v1/contacts" data-done="{name} is kept.">
  <label>Name <input name="name" value="%s"></label>
  <label>E-mail <input name="email" type="text"></label>
  <label>Owner <input name="owner_id"></label>
  <button type="submit">Keep</button>
</form>"""


async def put(tab: Tab, markup: str) -> None:
    await tab.go("/")
    await tab.page.evaluate(FORM, markup)


async def named(tab: Tab, name: str) -> int:
    """How many contacts of this name there are."""
    rows = await tab.shop.world.rows("SELECT id FROM contacts WHERE name = $1", name)
    return len(rows)


def toast(tab: Tab, text: str) -> object:
    return tab.page.locator("[data-toasts]", has_text=text).wait_for()


@asynccontextmanager
async def posts(tab: Tab) -> AsyncIterator[list[Request]]:
    """The posts that the page sends meanwhile."""
    found: list[Request] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            found.append(request)

    tab.page.on("request", note)
    yield found
    tab.page.remove_listener("request", note)


async def test_D5_a_form_is_kept_and_the_page_says_so(tab: Tab) -> None:
    name = f"Kept {new_id()}"
    await put(tab, CONTACT % name)
    await tab.page.locator("#tried [name=email]").fill("kept@example.com")
    await tab.page.locator("#tried [name=email]").press("Enter")
    await toast(tab, f"{name} is kept.")
    rows = await tab.shop.world.rows("SELECT email, owner_id FROM contacts WHERE name = $1", name)
    assert rows == [{"email": "kept@example.com", "owner_id": None}]  # an empty field is left out


async def test_H4_what_is_wrong_is_said_at_its_field_and_goes_away_with_the_next_try(tab: Tab) -> None:
    tab.expected |= {422}
    name = f"Mended {new_id()}"
    await put(tab, CONTACT % name)
    email = tab.page.locator("#tried [name=email]")
    await email.fill("no address")
    await tab.page.locator("#tried button").click()
    await tab.page.locator("#tried [name=email][aria-invalid=true]").wait_for()
    described = await email.get_attribute("aria-describedby")
    assert await tab.page.locator(f"[id='{described}']").inner_text() != ""
    assert await email.evaluate("(one) => one === document.activeElement")
    assert await tab.page.locator("#tried [name=name][aria-invalid]").count() == 0
    await email.fill("mended@example.com")
    await tab.page.locator("#tried button").click()
    await toast(tab, f"{name} is kept.")
    assert await tab.page.locator("#tried [aria-invalid], #tried [data-wrong]").count() == 0
    assert await named(tab, name) == 1


async def test_H4_an_error_of_a_field_that_the_form_does_not_have_is_said_above_it(tab: Tab) -> None:
    tab.expected |= {422}
    await put(
        tab,
        f"""<form id="tried" data-call="POST /api/v1/orders">
        <label>Contact <input name="contact_id" value="{new_id()}"></label>
        <input type="hidden" name="amount" value="x"><button type="submit">Make</button></form>""",
    )
    await tab.page.locator("#tried button").click()
    await tab.page.locator("#tried [role=alert]").wait_for()
    assert "amount" in await tab.page.locator("#tried [role=alert]").inner_text()


async def test_D1_a_cut_connection_says_so_and_nothing_is_done_twice_when_it_is_back(tab: Tab) -> None:
    """The request arrives and its answer is lost: the next try carries the same key."""
    name = f"Cut {new_id()}"
    await put(tab, CONTACT % name)
    cut: list[int] = []

    async def lose(route: Route) -> None:
        answer = await route.fetch()
        cut.append(answer.status)
        await route.abort()

    await tab.page.route("**/api/v1/contacts", lose, times=1)
    async with posts(tab) as sent:
        await tab.page.locator("#tried button").click()
        await tab.page.locator("#tried [role=alert]", has_text="does not answer").wait_for()
        assert cut == [201]
        await tab.page.locator("#tried button").click()
        await toast(tab, f"{name} is kept.")
        keys = [await request.header_value("idempotency-key") for request in sent]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert await named(tab, name) == 1


async def test_H4_a_double_click_does_it_once(tab: Tab) -> None:
    name = f"Twice {new_id()}"
    tab.expected |= {409}  # the second may come while the first is under way
    await put(tab, CONTACT % name)
    async with posts(tab) as sent:
        await tab.page.locator("#tried button").dblclick()
        await toast(tab, f"{name} is kept.")
        await tab.page.wait_for_function("() => !document.querySelector('#tried[aria-busy]')")
    assert len(sent) >= 1
    assert await named(tab, name) == 1


async def test_H4_a_click_later_is_a_wish_of_its_own(tab: Tab) -> None:
    name = f"Again {new_id()}"
    await put(tab, CONTACT % name)
    for count in (1, 2):
        async with tab.page.expect_response("**/api/v1/contacts"):
            await tab.page.locator("#tried button").click()
        await tab.page.wait_for_function("() => !document.querySelector('#tried[aria-busy]')")
        assert await named(tab, name) == count


async def test_H4_a_change_of_what_another_has_changed_is_refused_in_words(tab: Tab) -> None:
    tab.expected |= {412}
    order_id = tab.shop.rows["order"][0]
    await put(
        tab,
        f"""<form id="tried" data-call="PATCH /api/v1/orders/{order_id}" data-version="999999">
        <label>Notes <input name="notes" value="overwritten"></label><button type="submit">Keep</button></form>""",
    )
    await tab.page.locator("#tried button").click()
    await tab.page.locator("#tried [role=alert]", has_text="Reload the page").wait_for()
    [row] = await tab.shop.world.rows("SELECT notes FROM orders WHERE id = $1", order_id)
    assert row["notes"] != "overwritten"


async def test_D5_an_ended_session_leads_to_the_door_and_back_to_the_page(tab: Tab) -> None:
    tab.expected |= {401}
    name = f"Late {new_id()}"
    await put(tab, CONTACT % name)
    await tab.page.goto(f"{tab.shop.url}/?range=1h")
    await tab.page.evaluate(FORM, CONTACT % name)
    [cookie] = [one for one in await tab.page.context.cookies() if one["name"] == COOKIE]
    await tokens.forget(tab.shop.world.ctx.pool, cookie["value"])
    async with tab.page.expect_navigation(url="**/sign-in?*"):
        await tab.page.locator("#tried button").click()
    assert await named(tab, name) == 0
    await tab.page.locator("#token").fill(tab.shop.api.admin)
    async with tab.page.expect_navigation(url="**/?range=1h"):
        await tab.page.locator("button[type=submit]").click()
    assert await tab.page.locator("h1").inner_text() == "Overview"


async def test_D5_a_wrong_token_is_refused_at_the_door_with_a_sentence(tab: Tab) -> None:
    tab.expected |= {401}
    await tab.page.context.clear_cookies()
    await tab.go("/?range=1h")
    await tab.page.locator("#token").fill("dbk_wrong")
    await tab.page.locator("#token").press("Enter")
    await tab.page.locator("[role=alert]", has_text="not known").wait_for()


async def test_D5_a_sign_in_link_signs_in_by_one_button(tab: Tab) -> None:
    await tab.page.context.clear_cookies()
    pool = tab.shop.world.ctx.pool
    actor = await tokens.find(pool, tab.shop.api.admin)
    assert actor is not None
    link = await tokens.grant(pool, actor.account_id, actor.token_id, "link")
    await tab.go(f"/sign-in?link={link}")
    await tab.page.keyboard.press("Enter")  # the button has the focus
    await tab.page.wait_for_url(f"{tab.shop.url}/")
    assert await tab.page.locator("h1").inner_text() == "Overview"


async def test_S3_the_customer_of_a_new_order_is_found_by_typing_and_never_left_out_unseen(tab: Tab) -> None:
    await tab.go("/orders/new")
    customer = tab.page.get_by_role("combobox", name="Customer")
    await customer.fill("Ana Sil")
    await tab.page.get_by_label("Name", exact=True).first.fill("Coffee")
    await tab.page.get_by_label("Unit price").first.fill("49.90")
    async with posts(tab) as sent:
        await tab.page.get_by_role("button", name="Make the order").click()
        assert await customer.evaluate("field => field.validationMessage") == "Choose one from the list."
    assert not [one for one in sent if one.url.endswith("/api/v1/orders")]
    await customer.focus()
    await customer.fill("Ana Silv")
    await tab.page.get_by_role("option", name="Ana Silva").wait_for()
    await customer.press("ArrowDown")
    await customer.press("Enter")
    await tab.page.get_by_role("button", name="Make the order").click()
    await tab.page.wait_for_url("**/orders/*-*")
    order = await tab.shop.api.get(f"/orders/{tab.page.url.rpartition('/')[2]}")
    assert (order["contact_id"], order["amount"]) == (tab.shop.rows["contact"][0], 4990)
