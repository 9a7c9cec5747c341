"""The API of a whole receiver, on a free port, over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from schemas.account import Permission
from tests.world import World, world
from worker.api.operation import Operation
from worker.ids import new_id
from worker.serve import make_app
from worker.store import tokens
from worker.unreadable import Runner


class Answer(NamedTuple):
    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [error["field"] for error in self.json.get("errors", [])]


class Api:
    """An account's API, asked with an administrator's token unless another is given."""

    def __init__(self, shop: World, client: TestClient[web.Request, web.Application], admin: str) -> None:
        self.shop, self.client, self.admin = shop, client, admin

    async def ask(
        self, method: str, path: str, *, token: str | None = None, anonymous: bool = False, **more: Any
    ) -> Answer:
        headers = dict(more.pop("headers", {}))
        if not anonymous:
            headers.setdefault("Authorization", f"Bearer {token or self.admin}")
        path = path if path.startswith(("/api", "http")) else f"/api/v1{path}"
        async with self.client.request(method, path, headers=headers, **more) as answer:
            found = Answer(answer.status, answer.headers.copy(), await answer.read())
        if found.status >= 400:
            assert found.headers["Content-Type"].startswith("application/problem+json"), found
            assert method == "HEAD" or found.json["status"] == found.status
        return found

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.ask("GET", path, **more)
        assert answer.status == 200, answer
        return answer.json

    async def post(self, path: str, body: Any, status: int = 201, **more: Any) -> Any:
        answer = await self.ask("POST", path, json=body, **more)
        assert answer.status == status, answer
        return answer.json

    async def token(self, role: str = "rep", *permissions: Permission, account_id: str | None = None) -> str:
        return await tokens.issue(self.shop.ctx.pool, account_id or self.shop.account_id, role, role, permissions)

    async def token_id(self, role: str = "rep", *permissions: Permission) -> str:
        """The id of a new token, for who may own something."""
        row, _ = await tokens.add(self.shop.ctx.pool, self.shop.account_id, role, role, permissions)
        return row.id

    async def deal(self, **fields: Any) -> str:
        return str((await self.post("/deals", {"title": "Beans for a café", **fields}))["id"])

    async def set(self, **settings: Any) -> None:
        """Change settings of the account."""
        answer = await self.ask("PATCH", f"/accounts/{self.shop.account_id}", json=settings)
        assert answer.status == 200, answer

    async def contact(self, email: str = "ana@example.com") -> str:
        return str((await self.post("/contacts", {"email": email, "name": "Ana Silva"}))["id"])

    async def location(self, slug: str = "shop") -> str:
        return str((await self.post("/locations", {"slug": slug, "name": slug.capitalize()}))["id"])

    async def order(self, contact_id: str, **fields: Any) -> dict[str, Any]:
        body = {"items": [{"name": "Coffee", "unit_price": 1000, "quantity": 2}], **fields, "contact_id": contact_id}
        found: dict[str, Any] = await self.post("/orders", body)
        return found

    async def pages(self, path: str, limit: int) -> list[Any]:
        """Every item of a list, page by page."""
        found: list[Any] = []
        mark = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = await self.get(f"{path}{mark}limit={limit}{cursor}")
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            assert len(page["items"]) == limit
            cursor = f"&cursor={page['next_cursor']}"

    async def other_account(self) -> str:
        """An administrator's token of another account."""
        account_id = new_id()
        await self.shop.ctx.pool.execute(
            "INSERT INTO accounts (id, name, registry_enabled) VALUES ($1, 'other', true)", account_id
        )
        return await self.token("admin", account_id=account_id)


class Served(TestServer):
    """Run as a receiver runs it."""

    async def _make_runner(self, **more: Any) -> Runner:
        return Runner(self.app, **more)


def path_of(operation: Operation) -> str:
    """An address of the operation: of a row that there is not, and of a lane that there is."""
    path = operation.path
    for name in operation.parameters:
        path = path.replace("{" + name + "}", "orders" if name == "lane" else new_id())
    return path


def ids(items: Iterable[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with world(database) as shop:
        admin = await tokens.issue(shop.ctx.pool, shop.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(shop.ctx))) as client:
            yield Api(shop, client, admin)
