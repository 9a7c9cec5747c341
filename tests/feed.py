"""A subscriber of the feed: a real receiver on the loopback that verifies each message as Standard Webhooks tells it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.world import World
from worker.actions import subscribers
from worker.api.openapi import document
from worker.api.routes import OPERATIONS
from worker.context import Context
from worker.feed.send import Feed

Answer = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


@cache
def _documented() -> dict[str, Draft202012Validator]:
    """What the OpenAPI document says of each message, by its type."""
    content = document(OPERATIONS)
    schemas = {
        type_: entry["post"]["requestBody"]["content"]["application/json"]["schema"]
        for type_, entry in content["webhooks"].items()
    }
    return {
        type_: Draft202012Validator({**schema, "components": content["components"]})
        for type_, schema in schemas.items()
    }


def check_documented(message: dict[str, Any]) -> None:
    """Fail unless the message is as the OpenAPI document says of its type."""
    _documented()[message["type"]].validate(message)


class Receiver:
    """What came in, verified with `secrets`: any of them does. `answer` decides what it says."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.ids: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = self.fine

    async def fine(self, _message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(text="thanks")

    async def receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = self.verified(body, headers)
        self.bodies.append(body)
        self.headers.append(headers)
        self.ids.append(headers["webhook-id"])
        self.messages.append(message)
        return await self.answer(message)

    def verified(self, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        for secret in self.secrets:
            try:
                return dict(Webhook(secret).verify(body, headers))
            except WebhookVerificationError:
                continue
        raise web.HTTPUnauthorized

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]


def answering(status: int, text: str = "", **headers: str) -> Answer:
    """A receiver's answer that is always the same."""

    async def give(_message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={n.replace("_", "-"): v for n, v in headers.items()})

    return give


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hooks", made.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield made
    finally:
        await runner.cleanup()


class Told:
    """An account whose orders are told, by one or more workers' sending loops that a test turns by hand."""

    def __init__(self, shop: World, ctx: Context) -> None:
        self.shop, self.ctx = shop, ctx
        self.feeds: list[Feed] = []

    async def subscribe(self, to: Receiver, types: list[str] | None = None) -> str:
        row, secret = await subscribers.create(
            self.ctx, self.shop.account_id, url=to.url, description=None, types=types
        )
        to.secrets.append(secret)
        return row.id

    async def worker(self, **more: Any) -> Feed:
        feed = Feed(self.ctx, **more)
        await feed.open()
        self.feeds.append(feed)
        return feed

    async def send(self, feed: Feed | None = None) -> None:
        """Send until nothing is due."""
        turning = feed or self.feeds[0]
        while await turning.look():
            await turning.idle()

    async def make_due(self) -> None:
        """Let the pauses between attempts, and leases, be over."""
        await self.shop.ctx.pool.execute(
            "UPDATE feed_deliveries SET next_attempt_at = now() - interval '1 second' WHERE next_attempt_at IS NOT NULL"
        )

    async def deliveries(self) -> list[dict[str, Any]]:
        return await self.shop.rows(
            "SELECT d.*, e.type FROM feed_deliveries d JOIN feed_events e ON e.id = d.event_id "
            "ORDER BY d.subscriber_id, d.subject_id, d.sequence"
        )

    async def states(self) -> list[tuple[str, str]]:
        return [(row["type"], row["state"]) for row in await self.deliveries()]


@asynccontextmanager
async def told(shop: World) -> AsyncIterator[Told]:
    await shop.ctx.pool.execute("UPDATE accounts SET private_targets = true")
    made = Told(shop, replace(shop.ctx, clock=time.time))
    await made.worker()
    try:
        yield made
    finally:
        for feed in made.feeds:
            await feed.stop(0.1)


def order(number: int = 1, **data: Any) -> bytes:
    """A shop's order as Standard Webhooks bring it: pending unless `data` says more."""
    given = {
        "external_id": f"A-{number}", "currency": "EUR", "version": 1, "customer": {"id": "7", "email": "ana@example.com"},
        "items": [{"sku": "COF", "name": "Coffee", "quantity": 1, "unit_price": 1000}], **data,
    }  # fmt: skip
    stamp = f"2026-09-01T10:00:{given['version']:02d}Z"
    return json.dumps({"type": "order.upserted", "timestamp": stamp, "data": given}).encode()


async def signal(event: asyncio.Event) -> None:
    """Wait for it, for as long as a test may take."""
    async with asyncio.timeout(20):
        await event.wait()
