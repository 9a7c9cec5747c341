"""The screens beside the API of a whole receiver: what is made through the API is looked at in a browser's session."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

from aiohttp.test_utils import TestClient

from tests.api.conftest import Api, Served
from tests.world import world
from worker.serve import make_app
from worker.store import tokens


class Till(Api):
    """An account's API and screens. Whoever signed in last looks."""

    async def sign_in(self, token: str | None = None) -> None:
        self.client.session.cookie_jar.clear()
        async with self.client.post("/sign-in", data={"token": token or self.admin}, allow_redirects=False) as answer:
            assert answer.status == 303

    async def page(self, path: str, status: int = 200) -> str:
        async with self.client.get(path, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text


@asynccontextmanager
async def till_of(database: str) -> AsyncIterator[Till]:
    async with world(database) as shop:
        admin = await tokens.issue(shop.ctx.pool, shop.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(shop.ctx))) as client:
            yield Till(shop, client, admin)


def rows(page: str, tag: str = "tbody") -> dict[str, str]:
    """By key: what a row says, as text with single blanks."""
    found = re.findall(rf'<{tag} data-key="([^"]+)"[^>]*>(.*?)</{tag}>', page, re.DOTALL)
    return {key: words(html) for key, html in found}


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
