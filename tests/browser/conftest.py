"""A real browser before a whole receiver with a rich shop in it: one of each for all tests of this folder.

They share one event loop, the package's. What a test sees on a page beside what it came for fails it: `Tab.trouble`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, async_playwright

from tests.browser.shop import Shop, opened
from tests.conftest import TEMPLATE, execute, run
from worker.local.postgres import Postgres
from worker.screens.session import COOKIE

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
MISSING = (
    "NO BROWSER: the tests of the screens in a browser were NOT run. `make browser`, or set CHROME_PATH to a Chromium."
)
WAIT_MS = 60_000
"""How long a browser waits for what has to come: long, since a busy machine must not fail a test."""


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's program. Without one the tests are skipped, loudly; they fail where they have to run."""
    given = os.environ.get("CHROME_PATH")
    found = shutil.which(given) if given else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if given or os.environ.get("CI") or os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="package")
def shops(chromium: str, postgres: Postgres) -> Iterator[str]:
    """The address of a database for all tests of the folder; without a browser none is made."""
    name = "browser_shop"
    run(lambda: execute(postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    yield postgres.url(name)
    run(lambda: execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shop(shops: str) -> AsyncIterator[Shop]:
    """A receiver on a free port and, in its database, the shop that `shop.py` makes."""
    async with opened(shops) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=chromium)
        yield made
        await made.close()


@dataclass
class Tab:
    """A page in the browser of somebody who signed in. `trouble`: what the browser complained about, and every request
    to elsewhere; `expected` are the status codes that a test provokes."""

    shop: Shop
    page: Page
    trouble: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def watch(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    async def go(self, address: str, status: int = 200) -> None:
        """Open a page of the shop and wait until it is live, where it is."""
        if status != 200:
            self.expected.add(status)
        answer = await self.page.goto(self.shop.url + address, wait_until="load")
        assert answer is not None
        assert answer.status == status, f"{address}: {answer.status}"
        await self.page.wait_for_function(
            "() => !document.querySelector('[data-stream]') || document.querySelector('[data-live-state=live]')"
        )

    async def count(self, path: str) -> int:
        """How many rows the API says a list has, on its first page."""
        return len((await self.shop.api.get(path))["items"])

    def _console(self, message: ConsoleMessage) -> None:
        failed = message.text.startswith("Failed to load resource")  # told apart by `_response`
        if message.type in ("error", "warning") and not failed:
            self.trouble.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.shop.url, "data:", "blob:")):
            self.trouble.append(f"outside: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.trouble.append(f"status {response.status}: {response.url}")


async def signed_in(browser: Browser, shop: Shop, **options: Any) -> BrowserContext:
    """A browser of its own with a fresh session of an administrator."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    await context.add_cookies([{"name": COOKIE, "value": await shop.session(), "url": shop.url}])
    return context


@pytest_asyncio.fixture(loop_scope="package")
async def tab(browser: Browser, shop: Shop) -> AsyncIterator[Tab]:
    """A tab of its own, in which nothing may go wrong."""
    context = await signed_in(browser, shop)
    found = Tab(shop, await context.new_page())
    found.watch()
    yield found
    await context.close()
    assert found.trouble == []
