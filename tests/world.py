"""A small Daybook in the test's own process: a real database, events put straight into the inbox, applied on demand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.provider import Delivery, Source
from worker.apply.batch import Applier
from worker.config import Settings
from worker.context import Context
from worker.ids import new_id
from worker.lanes import Lanes
from worker.providers import adapters
from worker.store import inbox
from worker.store.db import open_pool
from worker.vault import Vault

NOW = 1_790_000_000.0
SECRETS = {
    "stripe": "whsec_stripe",
    "shopify": "hush",
    "woocommerce": "4?k&\"'secret <b>",
    "standard": "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0",
}
PAYLOADS = Path(__file__).parent / "payloads"


class SilentLanes(Lanes):
    """Notes what was signalled and rings nobody: these tests apply by hand."""

    def __init__(self) -> None:
        self.signalled: list[str] = []

    def signal(self, lane: str, account_id: str, event_ids: Iterable[str], *, alone: bool = False) -> None:
        self.signalled += list(event_ids)

    async def ping(self) -> bool:
        return True

    async def close(self) -> None:
        return


class World:
    """An account with one connection for each provider."""

    def __init__(self, ctx: Context, account_id: str, connections: dict[str, str]) -> None:
        self.ctx, self.account_id, self.connections = ctx, account_id, connections

    async def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.ctx.pool.fetch(sql, *arguments)]

    def event(
        self, connection: str, body: bytes | Mapping[str, Any], topic: str = "", *, at: float = NOW
    ) -> inbox.NewEvent:
        """A delivery as the door would store it, signed by the provider's own scheme."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        adapter = adapters()[connection]
        headers = adapter.sign(raw, topic, SECRETS[connection].encode(), at, {})
        headers = {name.lower(): value for name, value in headers.items()}
        identity = adapter.identify(Delivery(headers, raw, at), Source(connection))
        return inbox.NewEvent(
            account_id=self.account_id, id=new_id(), connection_id=self.connections[connection],
            dedupe=inbox.dedupe_of(identity.dedupe), delivery_id=identity.delivery_id, topic=identity.topic, lane=identity.lane,
            livemode=identity.livemode, occurred_at=identity.occurred_at, received_at=datetime.fromtimestamp(at, UTC),
            headers=json.dumps(headers), body=raw, sound=identity.sound,
        )  # fmt: skip

    async def store(self, events: Sequence[inbox.NewEvent]) -> list[inbox.Stored]:
        return await inbox.store(self.ctx.pool, events)

    async def apply(self, event_ids: Sequence[str]) -> None:
        await Applier(self.ctx, "test-worker").apply(self.account_id, event_ids)

    async def deliver(self, connection: str, body: bytes | Mapping[str, Any], topic: str = "") -> str:
        """Store one event and apply it; its id."""
        [stored] = await self.store([self.event(connection, body, topic)])
        await self.apply([stored.id])
        return stored.id

    async def merged(self, into: str) -> str:
        """The id of an order that turned out to be this one."""
        order_id = new_id()
        await self.ctx.pool.execute(
            "WITH counted AS (UPDATE counters SET value = value + 1 WHERE account_id = $1 AND name = 'orders' "
            "RETURNING value) INSERT INTO order_merges (account_id, order_id, number, into_order_id) "
            "SELECT $1, $2, value, $3 FROM counted",
            self.account_id, order_id, into,
        )  # fmt: skip
        return order_id

    async def states(self) -> dict[str, tuple[str, str | None]]:
        rows = await self.rows("SELECT event_id, state, reason FROM event_states")
        return {row["event_id"]: (row["state"], row["reason"]) for row in rows}

    async def books(self) -> dict[str, Any]:
        """Orders, payments and contacts without what may depend on the order of arrival (ids, numbers, versions)."""
        orders = await self.rows(
            "SELECT o.derived, c.email, c.name FROM orders o JOIN contacts c USING (account_id) WHERE c.id = o.contact_id"
        )
        items = await self.rows(
            "SELECT o.external_id, i.position, i.key, i.name, i.total FROM order_items i JOIN orders o ON o.id = i.order_id ORDER BY 1, 2"
        )
        payments = await self.rows(
            "SELECT p.key, p.status, p.amount, p.currency, p.counted, o.external_id FROM payments p LEFT JOIN orders o ON o.id = p.order_id ORDER BY p.key"
        )
        contacts = await self.rows(
            "SELECT email, name, phone, anonymous FROM contacts ORDER BY email, name, phone, anonymous"
        )
        told = sorted((bytes(row["derived"]), row["email"], row["name"]) for row in orders)
        return {
            "orders": [(json.loads(derived), email, name) for derived, email, name in told],
            "items": items,
            "payments": payments,
            "contacts": contacts,
        }

    async def order(self, external_id: str) -> dict[str, Any]:
        [row] = await self.rows("SELECT * FROM orders WHERE external_id = $1", external_id)
        return row


@asynccontextmanager
async def world(database: str) -> AsyncIterator[World]:
    settings = Settings(database_url=database, redis_url="redis://127.0.0.1:1", secret_key="test-key")
    pool = await open_pool(database, size=10)
    vault = Vault(["test-key"])
    account_id = new_id()
    await pool.execute("INSERT INTO accounts (id, name, registry_enabled) VALUES ($1, 'default', true)", account_id)
    connections = {}
    for provider, secret in SECRETS.items():
        connections[provider] = new_id()
        await pool.execute(
            "INSERT INTO connections (account_id, id, name, provider, secrets) VALUES ($1, $2, $3, $3, $4)",
            account_id, connections[provider], provider, vault.seal([secret]),
        )  # fmt: skip
        await pool.execute(
            "INSERT INTO connection_directory VALUES ($1, $2, $3)", provider, account_id, connections[provider]
        )
    try:
        yield World(Context(settings, pool, vault, SilentLanes(), lambda: NOW), account_id, connections)
    finally:
        await pool.close()


def payload(provider: str, name: str) -> bytes:
    return (PAYLOADS / provider / name).read_bytes()


def edited(body: bytes, **paths: Any) -> bytes:
    """A payload with fields replaced, named by `__` for each level."""
    content = msgspec.json.decode(body)
    for path, value in paths.items():
        *parents, last = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    return msgspec.json.encode(content)
