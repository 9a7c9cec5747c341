"""Everything can be done with the keyboard alone (D1)."""

from __future__ import annotations

import pytest

from tests.browser import screens
from tests.browser.conftest import Tab
from worker.screens.navigation import GROUPS

pytestmark = pytest.mark.asyncio(loop_scope="package")

STOPS = 120
"""How many stops of a page are walked to."""
STOPS_OF_A_DATE = 8
"""A field of a date has stops of its own: day, month, year, time, calendar."""
REACHABLE = """(stops) => {  // how many there are; they are kept by their nodes, since the page goes on growing
    const kinds = "a[href], button, input, select, textarea, summary, [tabindex]";
    const names = new Set(), found = [], SEEN = { visibilityProperty: true };
    for (const one of document.querySelectorAll(kinds)) {
        if (one.matches(":disabled") || one.tabIndex < 0 || one.closest("dialog:not([open])") || !one.checkVisibility(SEEN)) continue;
        if (one.closest("details:not([open])") && one.tagName !== "SUMMARY") continue;
        if (one.type === "hidden" || (one.type === "radio" && names.has(one.name))) continue;
        if (one.type === "radio") names.add(one.name);
        found.push(one);
    }
    window.stops = new Set(found.slice(0, stops));
    return window.stops.size;
}"""
MISSED = "() => [...window.stops].filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 100))"
TO_THE_TOP = """() => {  // wherever the page puts the cursor
    const top = document.createElement("span");
    top.tabIndex = -1;
    document.body.prepend(top);
    top.focus();
    top.remove();
}"""
FOCUSED = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    window.stops.delete(one.type === "radio" ? [...window.stops].find((other) => other.name === one.name) : one);
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    const seen = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
    return { seen, html: one.outerHTML.slice(0, 100) };
}"""
ROWS = """() => {
    const list = document.createElement("ul");
    list.dataset.own = "";
    for (const name of ["one", "two", "three"]) {
        list.insertAdjacentHTML("beforeend",
            `<li data-row><input type="checkbox" aria-label="${name}"><a href="#${name}">${name}</a></li>`);
    }
    list.insertAdjacentHTML("beforeend", `<li><button type="button" data-first-action>First</button></li>`);
    document.querySelector("main").append(list);
    list.querySelector("button").addEventListener("click", () => { list.dataset.clicked = "yes"; });
}"""


async def here(tab: Tab) -> str | None:
    """The text of the row that the keyboard is at."""
    found: str | None = await tab.page.evaluate("() => document.querySelector('[data-here]')?.textContent ?? null")
    return found


async def focused(tab: Tab, selector: str) -> bool:
    return bool(await tab.page.evaluate("(selector) => document.activeElement.matches(selector)", selector))


@pytest.mark.parametrize("path", screens.paths())
async def test_D1_every_control_is_reached_by_tab_and_seen_to_be(tab: Tab, path: str) -> None:
    [address, *_] = screens.addresses(path, tab.shop)
    await tab.go(address)
    await tab.page.evaluate(TO_THE_TOP)
    count: int = await tab.page.evaluate(REACHABLE, STOPS)
    assert count
    dates = await tab.page.locator("input[type^=date]").count()
    for _ in range(count + 10 + STOPS_OF_A_DATE * dates):
        await tab.page.keyboard.press("Tab")
        at = await tab.page.evaluate(FOCUSED)
        if at is None:
            break
        assert at["seen"], f"{address}: no focus is seen on {at['html']}"
    missed = await tab.page.evaluate(MISSED)
    assert not missed, f"{address}: never reached: {missed[:5]}"


async def test_D1_the_first_stop_skips_to_the_content(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.keyboard.press("Tab")
    assert await focused(tab, "a.skip")
    box = await tab.page.locator("a.skip").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    await tab.page.keyboard.press("Enter")
    assert await focused(tab, "main")


async def test_D1_slash_finds_and_letters_in_a_field_are_letters(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.keyboard.press("/")
    assert await focused(tab, "[data-search], [data-find]")
    await tab.page.keyboard.type("gt?j/")
    assert await tab.page.evaluate("() => document.activeElement.value") == "gt?j/"
    assert await tab.page.locator("dialog[open]").count() == 0


async def test_D1_g_and_a_letter_lead_to_each_place(tab: Tab) -> None:
    for _, places in GROUPS:
        for place in places:
            if place.key and place.path in screens.paths():
                await tab.go("/?range=1h")
                await tab.page.keyboard.press("g")
                async with tab.page.expect_navigation():
                    await tab.page.keyboard.press(place.key)
                assert tab.page.url.removeprefix(tab.shop.url) == place.path


async def test_D1_the_list_of_keys_opens_closes_by_escape_and_gives_the_focus_back(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.locator("[data-theme-switch]").focus()
    await tab.page.keyboard.press("?")
    assert await tab.page.locator("dialog#keys[open]").count() == 1
    for key in ("t", "g", "o", "?"):  # nothing of the page behind it moves
        await tab.page.keyboard.press(key)
    assert await tab.page.evaluate("() => document.documentElement.dataset.theme ?? null") is None
    await tab.page.keyboard.press("Escape")
    assert await tab.page.locator("dialog[open]").count() == 0
    assert await focused(tab, "[data-theme-switch]")
    await tab.page.locator("[data-opens=keys]").press("Enter")
    assert await tab.page.locator("dialog#keys[open]").count() == 1


async def test_D1_the_theme_is_switched_by_key_and_by_button_and_kept(tab: Tab) -> None:
    await tab.go("/")
    themes = []
    for switch in (
        lambda: tab.page.keyboard.press("t"),
        lambda: tab.page.locator("[data-theme-switch]").click(),
        lambda: tab.page.locator("[data-theme-switch]").press("Enter"),
    ):
        await switch()
        themes.append(await tab.page.evaluate("() => document.documentElement.dataset.theme"))
    assert themes == ["dark", "light", "dark"]
    await tab.go("/?range=1h")
    assert await tab.page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    shade = await tab.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    await tab.page.keyboard.press("t")
    assert await tab.page.evaluate("() => getComputedStyle(document.body).backgroundColor") != shade


async def test_D1_the_menu_of_a_narrow_screen_opens_and_closes_by_escape(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 390, "height": 800})
    await tab.go("/")
    menu = tab.page.locator("[data-menu]")
    assert not await tab.page.locator("#navigation").is_visible()
    await menu.press("Enter")
    assert await menu.get_attribute("aria-expanded") == "true"
    assert await tab.page.locator("#navigation").is_visible()
    await tab.page.keyboard.press("Escape")
    assert not await tab.page.locator("#navigation").is_visible()
    assert await focused(tab, "[data-menu]")


async def test_D1_rows_are_walked_by_j_and_k_selected_by_x_and_acted_on_by_a_dot(tab: Tab) -> None:
    await tab.go("/")
    await tab.page.evaluate("() => document.querySelectorAll('[data-row]').forEach((row) => row.remove())")
    await tab.page.evaluate(ROWS)
    seen = []
    for key in "jjjjkx":
        await tab.page.keyboard.press(key)
        seen.append(await here(tab))
    assert seen == ["one", "two", "three", "three", "two", "two"]
    assert await focused(tab, "input[type=checkbox], a[href='#two']")
    assert await tab.page.evaluate(
        "() => [...document.querySelectorAll('input:checked')].map((one) => one.ariaLabel)"
    ) == ["two"]
    await tab.page.evaluate("() => document.activeElement.blur()")
    await tab.page.keyboard.press(".")
    assert await tab.page.evaluate("() => document.querySelector('[data-clicked]') !== null")


@pytest.mark.parametrize("path", screens.paths())
async def test_D1_each_dialog_of_a_screen_opens_closes_by_escape_and_gives_the_focus_back(tab: Tab, path: str) -> None:
    for address in screens.addresses(path, tab.shop)[:2]:
        await tab.go(address)
        openers = tab.page.locator("[data-opens]:visible")
        for place in range(await openers.count()):
            opener = openers.nth(place)
            if await opener.is_disabled():
                continue
            name = await opener.get_attribute("data-opens")
            await opener.press("Enter")
            assert await tab.page.locator(f"dialog#{name}[open]").count() == 1, f"{address}: {name}"
            assert await tab.page.evaluate("() => document.activeElement.closest('dialog') !== null"), (
                f"{address}: {name} does not take the focus"
            )
            await tab.page.keyboard.press("Escape")
            assert await tab.page.locator("dialog[open]").count() == 0, f"{address}: {name}"
            assert await opener.evaluate("(one) => one === document.activeElement"), f"{address}: {name}"
