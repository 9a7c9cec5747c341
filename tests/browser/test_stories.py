"""Whole stories, as those live them who work with the screens: without a command line, without leaving the browser."""

from __future__ import annotations

import csv
import io
import time

import pytest
from playwright.async_api import expect

from tests.browser.conftest import WAIT_MS, Tab
from tests.browser.shop import poison
from tests.integration.ops import eventually
from tests.world import edited, payload
from worker.ids import new_id
from worker.providers import adapters
from worker.serve import REJECTS
from worker.store import tokens

pytestmark = pytest.mark.asyncio(loop_scope="package")
expect.set_options(timeout=WAIT_MS)

BURST = 6


async def post(tab: Tab, connection: str, body: bytes, secret: bytes) -> int:
    """What the door answers to a Shopify order that is signed with this secret."""
    headers = adapters()["shopify"].sign(body, "orders/create", secret, time.time(), {})
    async with tab.shop.api.client.post(f"/webhooks/{connection}", data=body, headers=headers) as answer:
        return answer.status


async def apply_all(tab: Tab) -> None:
    """What a worker would do now with whatever was received."""
    rows = await tab.shop.world.rows(
        "SELECT event_id FROM event_states WHERE state = 'received' AND next_attempt_at < now() + interval '1 hour' ORDER BY event_id"
    )
    await tab.shop.world.apply([row["event_id"] for row in rows])


async def test_R6_Q5_a_burst_with_a_wrong_secret_and_a_poison_payload_is_mended_in_the_browser(tab: Tab) -> None:
    page, name = tab.page, f"corner-{new_id()[-6:]}"
    # A connection is added, with a secret that is not the one that the shop signs with.
    await tab.go("/connections")
    await page.get_by_role("button", name="Add a connection").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("[name=name]").fill(name)
    await dialog.locator("[name=provider]").select_option("shopify")
    await dialog.locator("[name=secret]").fill("what-somebody-thought-it-was")
    await dialog.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)

    order = payload("shopify", "orders_create__three_lines.json")
    bodies = [edited(order, id=9_000_000 + at, name=f"#C{at}") for at in range(BURST)] + [poison(9_100_000)]

    async def known() -> None:
        assert await post(tab, name, bodies[0], b"the-real-one") == 401  # and no more 404

    await eventually(known)
    for body in bodies[1:]:
        assert await post(tab, name, body, b"the-real-one") == 401
    await tab.shop.api.client.app[REJECTS].flush()

    # Seen on the overview, and one click away from the cause in words.
    await tab.go("/")
    await expect(page.locator("tr", has_text=name)).to_contain_text(f"{len(bodies)} refused")
    await page.locator("tr", has_text=name).get_by_role("link", name=name).click()
    refused = page.locator("section", has=page.get_by_role("heading", name="Refused, by likely cause"))
    await expect(refused).to_contain_text("wrong secret")

    # The secret is mended where the cause stands, and what was refused is verified again.
    await page.get_by_role("button", name="Set a new secret").click()
    await page.get_by_role("dialog").locator("[name=secret]").fill("the-real-one")
    await page.get_by_role("dialog").get_by_role("button", name="Set").last.click()
    await expect(page.locator("[data-toasts]")).to_contain_text("The new secret is valid")
    await page.get_by_role("button", name="Verify again").click()
    await expect(page.locator("[data-toasts]")).to_contain_text(f"{len(bodies)} let in")
    await apply_all(tab)

    # All of them are orders but the poison, which says what is wrong with it.
    await page.get_by_role("link", name="Events of this connection").click()
    rows = page.locator("[data-row]")
    await expect(rows.filter(has_text="applied")).to_have_count(BURST)
    await expect(rows.filter(has_text="dead")).to_have_count(1)
    await page.get_by_role("link", name="Dead letters").click()
    group = page.locator("[data-row]", has_text=name)
    await expect(group).to_contain_text("is not a decimal number")
    await group.get_by_role("link", name="Example").click()
    await expect(page.locator("main")).to_contain_text("total_price")

    # Replayed without a fix it is dead again, and left so: it counts its second attempt, and nothing else changed.
    orders = await tab.shop.world.rows("SELECT count(*)::int AS n FROM orders")
    await page.get_by_role("button", name="Replay", exact=True).click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Replayed")
    await apply_all(tab)
    await expect(page.locator("main .badge.is-dead").first).to_be_visible()
    assert await tab.shop.world.rows("SELECT count(*)::int AS n FROM orders") == orders
    await tab.go("/audit")
    for done in ("Create a connection", "Change a connection", "Verify refused deliveries again", "Replay an event"):
        await expect(page.locator("main")).to_contain_text(done)


async def test_S2_S3_S4_a_partly_paid_sale_is_found_confirmed_and_in_the_report(tab: Tab) -> None:
    page, api = tab.page, tab.shop.api
    manager = f"Marta {new_id()[-6:]}"
    row, _ = await tokens.add(tab.shop.world.ctx.pool, tab.shop.world.account_id, manager, "manager", [])
    contact = await api.contact(f"{new_id()[-6:]}@example.com")
    order = await api.order(
        contact, title="Espresso machine", items=[{"name": "Espresso machine", "unit_price": 120_000}], currency="BRL"
    )
    await api.post(f"/orders/{order['id']}/payments", {"amount": 45_000})

    # Found by its filter, its payments opened.
    await tab.go("/orders")
    await page.locator(".filters [name=payment_status]").select_option("partially_paid")
    await page.wait_for_url("**payment_status=partially_paid**")
    found = page.locator(f'tbody[data-key="{order["id"]}"]')
    await found.locator("summary", has_text=f"Payments of order #{order['number']}").click()
    await expect(found).to_contain_text("BRL 450.00 of BRL 1,200.00 is paid")

    # Put into a manager's hands, confirmed as completed, and as the manager's sale.
    await found.get_by_role("button", name="Assign a manager").click()
    await page.get_by_role("dialog").locator("[name=manager_id]").select_option(label=manager)
    await page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    await expect(found).to_contain_text("unconfirmed")
    await found.get_by_role("button", name="Confirm order").click()
    await expect(found).to_contain_text("completed")
    await found.get_by_role("button", name="Confirm who made the sale").click()
    await page.get_by_role("dialog").get_by_text("its manager").click()
    await page.get_by_role("dialog").get_by_role("button", name="Confirm the sale").click()
    await expect(found.locator(".badge.is-confirmed")).to_be_visible()
    await expect(found).to_contain_text(manager)

    # The report by manager says so, and the CSV says the same.
    await tab.go("/reports?by=manager")
    line = page.locator("main table tbody tr", has_text=manager)
    await expect(line).to_contain_text("BRL 450.00")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").first.click()
    text = (await (await download.value).path()).read_text(encoding="utf-8-sig")
    [told] = [cells for cells in csv.reader(io.StringIO(text)) if manager in cells]
    assert "45000" in told or "450.00" in told, told
    assert row.id
