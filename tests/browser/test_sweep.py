"""Every screen, in a shop where everything has happened, in both themes and at three widths (D1): the browser has nothing
to complain about, nothing comes from elsewhere, nothing is cut off, axe finds nothing.

The screens are those of `SCREENS`: a new one is swept by itself, and needs an entry in `screens.py` only where its
address names a row.
"""

from __future__ import annotations

import pytest

from tests.browser import screens
from tests.browser.axe import violations
from tests.browser.conftest import Tab
from worker.screens.navigation import GROUPS

WIDTHS = (1280, 768, 390)
OVERFLOW = """() => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide <= 0) return null;
    const over = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
    return `${wide} px too wide: ` + over.slice(-3).map((one) => one.outerHTML.slice(0, 80)).join(" | ");
}"""


def test_every_screen_is_swept() -> None:
    assert screens.without_entry() == [], "say in screens.py which rows their addresses name"


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("path", screens.paths())
async def test_D1_a_screen_is_whole_in_both_themes_at_every_width(tab: Tab, path: str) -> None:
    await tab.page.emulate_media(reduced_motion="reduce", color_scheme="light")
    for place, address in enumerate(screens.addresses(path, tab.shop)):
        await tab.go(address)
        await looks_right(tab, address, wholly=place == 0)


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("address", ["/sign-in", "/sign-in?link=abc"])
async def test_D1_the_door_is_whole_in_both_themes_at_every_width(tab: Tab, address: str) -> None:
    await tab.page.context.clear_cookies()
    await tab.go(address)
    await looks_right(tab, address)


@pytest.mark.asyncio(loop_scope="package")
async def test_D1_a_page_that_only_says_something_is_whole_too(tab: Tab) -> None:
    path = next(path for path in screens.paths() if "{" in path)
    address = path.replace("{id}", "00000000-0000-7000-8000-000000000000")
    await tab.go(address, 404)
    await looks_right(tab, address)


@pytest.mark.asyncio(loop_scope="package")
async def test_D1_the_menu_leads_to_pages_that_are_there(tab: Tab) -> None:
    places = [place.path for _, places in GROUPS for place in places]
    for path in places:
        if path in screens.paths():
            await tab.go(path)
            assert await tab.page.locator("nav.side [aria-current=page]").count() == 1, path
            assert await tab.page.locator("h1").count() == 1, path


async def looks_right(tab: Tab, address: str, *, wholly: bool = True) -> None:
    """The page that is open, by its own measure and by axe's. Themes are colours: in the second only contrast is asked.
    `wholly`: at each width and in both themes; else, for a screen that was looked at already, once."""
    page, wrong = tab.page, []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        if found := await page.evaluate(OVERFLOW):
            wrong.append(f"at {width}: {found}")
        if width == 1280 or (wholly and width == 390):
            wrong += [f"at {width}: {one}" for one in await violations(page)]
        if width == 1280 and wholly:
            await page.emulate_media(color_scheme="dark")
            wrong += [f"dark at {width}: {one}" for one in await violations(page, "color-contrast")]
            await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 900})
    assert not wrong, "\n".join([address, *wrong])
    assert tab.trouble == [], address
