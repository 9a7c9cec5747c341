"""kill -9 of a receiver while it opens a checkout (P1, I1): the session and its order, both or neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.chaos.rig import Rig, rig
from tests.integration.ops import eventually
from tests.stripe import KEY
from tests.world import SECRETS
from worker.local.stripe.stand_in import StandIn
from worker.store import tokens
from worker.store.checks import broken
from worker.store.db import open_pool

THANKS = {"success_url": "https://shop.example/thanks"}
OPENING = "checkout.sessions.create"


class Shop:
    """A Daybook of processes, asked as its administrator."""

    def __init__(self, it: Rig, stand_in: StandIn, session: aiohttp.ClientSession, token: str) -> None:
        self.it, self.stand_in, self._session = it, stand_in, session
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        address = f"{self.it.urls[0]}/api/v1{path}"
        async with self._session.request(method, address, json=body, headers={**self._headers, **headers}) as answer:
            return await answer.json(content_type=None)

    async def contact(self) -> str:
        return str((await self.ask("POST", "/contacts", {"name": "Ana"}))["id"])

    def opening(self, contact_id: str, key: str) -> asyncio.Task[Any]:
        body = {"contact_id": contact_id, "amount": 500, **THANKS}
        return asyncio.create_task(self.ask("POST", "/checkouts", body, **{"Idempotency-Key": key}))

    async def asked(self) -> None:
        """Stripe has been asked for a session, and has not answered."""
        await eventually(lambda: self._hangs(), within_s=20)

    def _hangs(self) -> None:
        assert any(asked.operation == OPENING and asked.status is None for asked in self.stand_in.requests)

    async def killed(self, opening: asyncio.Task[Any]) -> None:
        self.it.kill(self.it.receivers[0])
        with pytest.raises((aiohttp.ClientError, OSError)):
            await opening
        await self.it._ready(self.it.urls[0])

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return await self.it.rows(sql)

    async def settled(self) -> list[dict[str, Any]]:
        """Whoever was at the checkouts has been waited for, and all of them are settled."""
        connection = await asyncpg.connect(self.it.postgres.url())
        try:
            await connection.execute("UPDATE checkouts SET next_attempt_at = now() WHERE state = 'opening'")
        finally:
            await connection.close()
        return list(await eventually(self._settled, within_s=40))

    async def _settled(self) -> list[dict[str, Any]]:
        found = await self.rows("SELECT state, session_id, order_id FROM checkouts ORDER BY id")
        assert {row["state"] for row in found} <= {"opened", "refused", "given_up"}
        return found

    async def hold(self) -> None:
        """Every session at Stripe has its order, every order its session."""
        orders = await self.rows("SELECT external_id, number FROM orders ORDER BY number")
        sessions = self.stand_in.books.tables["checkout.session"]
        assert sorted(order["external_id"] for order in orders) == sorted(sessions)
        assert [order["number"] for order in orders] == list(range(1, len(orders) + 1))
        pool = await open_pool(self.it.postgres.url(), size=2)
        try:
            assert await broken(pool) == {}
        finally:
            await pool.close()


@asynccontextmanager
async def shopping(folder: Path, sockets: Path) -> AsyncIterator[Shop]:
    async with StandIn(retries_s=(0.2, 0.5, 1, 2, 4)) as stand_in:
        key = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": stand_in.url}
        async with rig(folder, sockets, given=lambda _: key) as it, aiohttp.ClientSession() as session:
            pool = await open_pool(it.postgres.url(), size=1)
            try:
                token = await tokens.issue(pool, await pool.fetchval("SELECT id FROM accounts"), "admin", "admin")
            finally:
                await pool.close()
            yield Shop(it, stand_in, session, token)


async def test_P1_killed_while_stripe_is_asked_it_has_both_or_neither(tmp_path: Path, sockets: Path) -> None:
    async with shopping(tmp_path, sockets) as shop:
        contact_id = await shop.contact()
        for number, kind in enumerate(("hang_before", "hang_after")):
            shop.stand_in.trouble(kind, on=OPENING)  # type: ignore[arg-type]
            opening = shop.opening(contact_id, f"k-{number}")
            await shop.asked()
            await shop.killed(opening)
            assert len(await shop.rows("SELECT FROM orders")) == number
            shop.stand_in.let_go()
            rows = await shop.settled()
            assert [row["state"] for row in rows] == ["opened"] * (number + 1)
            await shop.hold()
        assert len(shop.stand_in.books.tables["checkout.session"]) == 2


async def test_P1_killed_before_its_commit_it_has_both(tmp_path: Path, sockets: Path) -> None:
    async with shopping(tmp_path, sockets) as shop:
        contact_id = await shop.contact()
        connection = await asyncpg.connect(shop.it.postgres.url())
        try:
            shop.stand_in.trouble("hang_after", on=OPENING)
            opening = shop.opening(contact_id, "k-1")
            await shop.asked()
            async with connection.transaction():  # nobody can note the session
                await connection.execute("SELECT FROM checkouts FOR UPDATE")
                shop.stand_in.let_go()
                await eventually(lambda: _waits(shop), within_s=20)
                await shop.killed(opening)
            assert await shop.rows("SELECT FROM orders") == []
        finally:
            await connection.close()
        [row] = await shop.settled()
        assert row["state"] == "opened"
        await shop.hold()
        again = await shop.ask(
            "POST", "/checkouts", {"contact_id": contact_id, "amount": 500, **THANKS}, **{"Idempotency-Key": "k-2"}
        )
        assert again["status"] == "open"
        shop.stand_in.webhooks_to(f"{shop.it.urls[0]}/webhooks/stripe", SECRETS["stripe"])
        shop.stand_in.pay(row["session_id"])
        await shop.stand_in.settled()
        await shop.it.settled()
        states = await shop.rows("SELECT payment_status FROM orders ORDER BY number")
        assert [state["payment_status"] for state in states] == ["paid", "pending"]
        await shop.hold()


async def _waits(shop: Shop) -> None:
    rows = await shop.rows(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR NO KEY UPDATE OF k%'"
    )
    assert rows
