"""The screens over a real database, served to a client with cookies."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.api.conftest import Api, Served
from tests.screens.till import Till, till_of
from tests.world import World, world
from worker.context import CONTEXT, Context
from worker.ids import new_id
from worker.screens.routes import add_routes
from worker.screens.session import COOKIE
from worker.serve import make_app
from worker.store import tokens
from worker.store.inbox import NewEvent
from worker.store.overview import Span


class Desk:
    """A browser before the screens of one account. `at` moves the receiver's clock."""

    def __init__(self, shop: World, client: TestClient[web.Request, web.Application], admin: str) -> None:
        self.shop, self.client, self.admin = shop, client, admin
        self.offset_s = 0.0

    def now(self) -> float:
        return time.time() + self.offset_s

    async def link(self) -> str:
        """A sign-in link's secret."""
        actor = await tokens.find(self.shop.ctx.pool, self.admin)
        assert actor is not None
        return await tokens.grant(self.shop.ctx.pool, actor.account_id, actor.token_id, "link")

    async def sign_in(self, token: str | None = None) -> None:
        async with self.client.post("/sign-in", data={"token": token or self.admin}, allow_redirects=False) as answer:
            assert answer.status == 303

    async def page(self, path: str = "/") -> str:
        async with self.client.get(path) as answer:
            assert answer.status == 200
            return await answer.text()

    async def stranger(self) -> tuple[str, str]:
        """The ids of another account and of its connection `theirs`."""
        other, connection = new_id(), new_id()
        await self.shop.ctx.pool.execute("INSERT INTO accounts (id, name) VALUES ($1, 'other')", other)
        await self.shop.ctx.pool.execute(
            "INSERT INTO connections (account_id, id, name, provider, secrets) VALUES ($1, $2, 'theirs', 'stripe', '')",
            other, connection,
        )  # fmt: skip
        return other, connection

    async def event(
        self,
        connection: str = "stripe",
        state: str = "applied",
        *,
        ago_s: float = 5,
        took_s: float = 0.1,
        attempts: int = 1,
        reason: str | None = None,
        lane: str = "payments",
        topic: str = "charge.succeeded",
        livemode: bool = True,
        account: tuple[str, str] | None = None,
    ) -> str:
        """An event that came a while ago and is in this state now; its id. `account`: (account, connection) ids of
        another account."""
        at = datetime.fromtimestamp(time.time() - ago_s, UTC)
        account_id, connection_id = account or (self.shop.account_id, self.shop.connections[connection])
        id_ = id_at(at)
        new = NewEvent(
            account_id=account_id, id=id_, connection_id=connection_id, dedupe=bytes.fromhex(id_.replace("-", "")),
            delivery_id=id_, topic=topic, lane=lane, livemode=livemode, occurred_at=None, received_at=at, headers="{}",
            body=b"{}", sound=True,
        )  # fmt: skip
        await self.shop.store([new])
        open_ = state in ("received", "retrying")
        await self.shop.ctx.pool.execute(
            "UPDATE event_states SET state = $3, attempts = $4, reason = $5, settled_at = $6, next_attempt_at = $7 "
            "WHERE account_id = $1 AND event_id = $2",
            account_id, id_, state, attempts, reason,
            None if open_ else at + timedelta(seconds=took_s),
            at + timedelta(hours=1) if open_ else None,
        )  # fmt: skip
        return id_


_made = iter(range(1, 1 << 60))


def id_at(at: datetime) -> str:
    """An event's id as it would have been made at this time."""
    first = Span(at, timedelta(milliseconds=1000), 1)
    prefix = f"{int(first.now.timestamp() * 1000):012x}"
    return f"{prefix[:8]}-{prefix[8:]}-7000-8000-{next(_made):012x}"


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with world(database) as shop:
        admin = await tokens.issue(shop.ctx.pool, shop.account_id, "first admin", "admin")
        made: dict[str, Any] = {}
        ctx: Context = replace(shop.ctx, clock=lambda: made["desk"].now())
        app = web.Application()
        app[CONTEXT] = ctx
        add_routes(app)
        async with TestClient(TestServer(app)) as client:
            made["desk"] = Desk(shop, client, admin)
            yield made["desk"]


def shown(page: str, attribute: str, name: str) -> str:
    """The text of `<strong data-figure="rate">` and the like."""
    _, _, rest = page.partition(f'data-{attribute}="{name}">')
    return rest.partition("<")[0]


@pytest.fixture
async def till(database: str) -> AsyncIterator[Till]:
    async with till_of(database) as found:
        yield found


class Office:
    """A whole receiver, its API to make things with and its screens to look at; `page` is as somebody sees it."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def ask(self, path: str, token: str | None = None) -> tuple[int, str, str]:
        """(status, where it leads, text) of a page, to an administrator unless a token is given."""
        pool = self.api.shop.ctx.pool
        actor = await tokens.find(pool, token or self.api.admin)
        assert actor is not None
        session = await tokens.grant(pool, actor.account_id, actor.token_id, "session")
        headers = {"Cookie": f"{COOKIE}={session}"}
        async with self.api.client.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def page(self, path: str, token: str | None = None) -> str:
        status, _, text = await self.ask(path, token)
        assert status == 200, (status, path)
        return text


@pytest.fixture
async def office(database: str) -> AsyncIterator[Office]:
    async with world(database) as shop:
        admin = await tokens.issue(shop.ctx.pool, shop.account_id, "first admin", "admin")
        async with TestClient(Served(make_app(shop.ctx))) as client:
            yield Office(Api(shop, client, admin))
