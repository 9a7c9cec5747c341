"""The real application over a real database, on a free port of the loopback."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import ClientSession, web

from tests.world import SECRETS, World
from worker.providers import adapters
from worker.serve import REJECTS, make_app
from worker.store import tokens


class Server:
    """Where it listens, an administrator's token, and a client that sends it."""

    def __init__(self, shop: World, url: str, admin: str, session: ClientSession, app: web.Application) -> None:
        self.shop, self.url, self.admin, self.session = shop, url, admin, session
        self.rejects = app[REJECTS]
        self.directory = self.rejects.directory

    async def post(
        self, connection: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Post to a webhook address: status, decoded answer, headers."""
        async with self.session.post(
            f"{self.url}/webhooks/{connection}", data=io.BytesIO(body), headers=headers
        ) as answer:
            return answer.status, await answer.json(content_type=None), dict(answer.headers)

    async def send(
        self, connection: str, body: bytes, topic: str = "", *, secret: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Post a body signed as its provider would."""
        provider = connection if connection in SECRETS else "stripe"
        key = (secret or SECRETS[provider]).encode()
        headers = adapters()[provider].sign(body, topic, key, self.shop.ctx.clock(), {})
        status, answer, _ = await self.post(connection, body, headers)
        return status, answer

    async def api(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Call the API as the administrator."""
        data = None if body is None else msgspec.json.encode(body)
        sent = {
            "Authorization": f"Bearer {self.admin}",
            **({"Content-Type": "application/json"} if data else {}),
            **headers,
        }
        async with self.session.request(method, f"{self.url}/api/v1{path}", data=data, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None), dict(answer.headers)


@asynccontextmanager
async def served(shop: World) -> AsyncIterator[Server]:
    app = make_app(shop.ctx)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    admin = await tokens.issue(shop.ctx.pool, shop.account_id, "admin", "admin", [])
    try:
        async with ClientSession() as session:
            yield Server(shop, f"http://{host}:{port}", admin, session, app)
    finally:
        await runner.cleanup()
