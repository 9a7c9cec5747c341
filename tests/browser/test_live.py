"""Pages are live without reload (D1): what a webhook changes appears on each screen that shows it."""

from __future__ import annotations

import msgspec
import pytest

from tests.browser import screens
from tests.browser.conftest import Tab
from tests.browser.shop import poison
from tests.world import payload
from worker.screens.session import COOKIE
from worker.store import tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")

APPEARS = {
    "/events": 'a[href^="/events/{event}"]',
    "/orders": 'a[href^="/orders/{order}"]',
    "/payments": 'a[href^="/payments/{payment}"]',
    "/customers": 'a[href^="/customers/{contact}"]',
}
"""What a sale makes appear on the first page of each list."""
_numbers = iter(range(7_000_000_001, 8_000_000_000))


async def sale(tab: Tab) -> dict[str, str]:
    """A paid sale of a new customer, told of at the door and applied: the ids of what it made."""
    number = next(_numbers)
    body = msgspec.json.decode(payload("shopify", "orders_create__minimal.json"))
    body |= {"id": number, "name": f"#{number}", "email": f"{number}@example.com", "financial_status": "paid"}
    event = await tab.shop.deliver("shopify", msgspec.json.encode(body), "orders/create")
    paid = {
        "id": number + 1, "order_id": number, "kind": "sale", "status": "success", "amount": "199.00", "currency": "USD",
        "gateway": "shopify_payments", "created_at": body["created_at"], "processed_at": body["processed_at"], "test": False,
    }  # fmt: skip
    await tab.shop.deliver("shopify", msgspec.json.encode(paid), "order_transactions/create")
    [row] = await tab.shop.world.rows(
        "SELECT o.id AS order, o.contact_id AS contact, p.id AS payment FROM orders o JOIN payments p ON p.order_id = o.id "
        "WHERE o.external_id = $1",
        str(number),
    )
    return {"event": event, **{name: str(id_) for name, id_ in row.items()}}


async def test_D1_a_figure_of_the_overview_changes_without_reload(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.evaluate("() => { window.never = 'reloaded'; }")
    figure = tab.page.locator("[data-state=applied]")
    before = int((await figure.inner_text()).replace(",", ""))
    await sale(tab)
    await tab.page.wait_for_function(
        "(before) => Number(document.querySelector('[data-state=applied]').textContent.replaceAll(',', '')) >= before + 2",
        arg=before,
    )
    assert await tab.page.evaluate("() => window.never") == "reloaded"


async def test_D1_a_dead_letter_is_counted_in_the_menu_of_another_page(tab: Tab) -> None:
    await tab.go("/orders")
    count = tab.page.locator("nav.side [data-count=dead]")
    before = int((await count.inner_text()).split()[0])
    await tab.shop.deliver("shopify", poison(next(_numbers)), "orders/create")
    await tab.page.wait_for_function(
        "(before) => parseInt(document.querySelector('nav.side [data-count=dead]').textContent) > before", arg=before
    )


@pytest.mark.parametrize("path", [path for path in APPEARS if path in screens.paths()])
async def test_D1_a_row_appears_without_reload(tab: Tab, path: str) -> None:
    await tab.go(path)
    await tab.page.evaluate("() => { window.never = 'reloaded'; }")
    made = await sale(tab)
    await tab.page.locator(APPEARS[path].format(**made)).first.wait_for(state="attached")
    assert await tab.page.evaluate("() => window.never") == "reloaded"


async def test_D1_a_dead_event_shows_up_under_failures_and_a_click_replays_it(tab: Tab) -> None:
    """The operator's way without leaving the page: seen, replayed, settled."""
    await tab.go("/")
    event = await tab.shop.deliver("shopify", poison(next(_numbers)), "orders/create")
    button = tab.page.locator(f'[data-call="POST /api/v1/events/{event}/replay"]')
    await button.wait_for()
    await button.click()
    await tab.page.locator("[data-toasts]", has_text="Replayed").wait_for()
    [state] = await tab.shop.world.rows("SELECT state FROM event_states WHERE event_id = $1", event)
    assert state["state"] == "received"
    await tab.shop.world.apply([event])
    await tab.page.locator(f'[data-key="{event}"]', has_text="dead").wait_for()


async def test_D1_a_page_in_the_background_pauses_and_comes_back(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    await tab.page.locator("[data-live-state=paused]").wait_for()
    await tab.page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: false, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    await tab.page.locator("[data-live-state=live]").wait_for()


async def test_D1_a_stream_that_breaks_off_is_told_and_taken_up_again(tab: Tab) -> None:
    tab.expected |= {503}
    await tab.page.route("**/stream/*", lambda route: route.fulfill(status=503))
    await tab.page.goto(tab.shop.url + "/")
    await tab.page.locator("[data-live-state=lost]").wait_for()
    await tab.page.unroute("**/stream/*")
    await tab.page.locator("[data-live-state=live]").wait_for()
    tab.trouble.clear()  # a browser complains of what we broke


async def test_D5_a_session_that_ends_leads_to_the_door(tab: Tab) -> None:
    tab.expected |= {401}
    await tab.go("/")
    [cookie] = [one for one in await tab.page.context.cookies() if one["name"] == COOKIE]
    await tokens.forget(tab.shop.world.ctx.pool, cookie["value"])
    async with tab.page.expect_navigation(url="**/sign-in?*"):
        await tab.page.evaluate("() => window.dispatchEvent(new Event('pagehide'))")
        await tab.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
