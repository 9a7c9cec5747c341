"""A browser before the whole application: its screens, and the API that its pages ask."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from tests.api.conftest import Api, Served
from tests.world import world
from worker.serve import make_app
from worker.store import tokens


class Browser:
    """Signed in with one token at a time. `api` asks as a program, `call` as the page's own scripts do."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._contact = ""

    async def sign_in(self, token: str | None = None) -> None:
        self.api.client.session.cookie_jar.clear()
        fields = {"token": token or self.api.admin}
        async with self.api.client.post("/sign-in", data=fields, allow_redirects=False) as answer:
            assert answer.status == 303

    async def get(self, path: str) -> tuple[ClientResponse, str]:
        async with self.api.client.get(path, allow_redirects=False) as answer:
            return answer, await answer.text()

    async def page(self, path: str) -> str:
        answer, text = await self.get(path)
        assert answer.status == 200, (answer.status, text)
        return text

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The API as a page of this session asks it: (status, JSON)."""
        csrf = re.search(r'name="csrf" content="(.*?)"', await self.page("/orders/new"))
        assert csrf is not None
        sent = {"X-CSRF-Token": csrf[1], **{name.replace("_", "-"): text for name, text in headers.items()}}
        async with self.api.client.request(method, f"/api/v1{path}", json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def contact(self) -> str:
        self._contact = self._contact or await self.api.contact()
        return self._contact

    async def order(self, **fields: Any) -> dict[str, Any]:
        """An order that a program made."""
        body = {"contact_id": await self.contact(), **({} if fields.keys() & {"amount", "items"} else {"amount": 2000})}
        found: dict[str, Any] = await self.api.post("/orders", {**body, **fields})
        return found


@asynccontextmanager
async def browsing(database: str) -> AsyncIterator[Browser]:
    """An administrator's browser."""
    async with world(database) as shop:
        admin = await tokens.issue(shop.ctx.pool, shop.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(shop.ctx))) as client:
            browser = Browser(Api(shop, client, admin))
            await browser.sign_in()
            yield browser
