"""The connections as the door knows them: read from Postgres, kept in memory, at most a second old."""

from __future__ import annotations

import asyncio
import time
from itertools import islice

import msgspec
import structlog

from schemas.provider import Adapter, Source
from worker.logs import said
from worker.providers import adapters
from worker.store import connections
from worker.store.db import Pool
from worker.vault import Vault

log = structlog.get_logger("receive")

REFRESH_S = 1.0
UNKNOWN_REFRESH_S = 0.25


class Door(msgspec.Struct, frozen=True):
    """One webhook address: whose it is, how it is verified."""

    account_id: str
    connection_id: str
    provider: str
    adapter: Adapter
    source: Source
    former: tuple[bytes, ...] = ()
    """Secrets that are not valid any more: they let nobody in, they explain refusals."""


class Directory:
    """`find` answers from memory; a name that is not there is looked up at once, so that a new connection is live
    immediately, but not more often than four times a second, whoever asks."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool, self._vault = pool, vault
        self._doors: dict[str, Door] = {}
        self._state: object = None
        self._asked = 0.0
        self._lock = asyncio.Lock()

    async def find(self, name: str) -> Door | None:
        door = self._doors.get(name)
        if door is None and time.monotonic() - self._asked > UNKNOWN_REFRESH_S:
            async with self._lock:
                if time.monotonic() - self._asked > UNKNOWN_REFRESH_S:  # whoever held the lock has just asked
                    await self.refresh()
            door = self._doors.get(name)
        return door

    def siblings(self, door: Door, limit: int) -> list[Door]:
        """Other connections of the same account and provider."""
        found = (
            other
            for other in self._doors.values()
            if other.account_id == door.account_id
            and other.provider == door.provider
            and other.connection_id != door.connection_id
        )
        return list(islice(found, limit))

    async def refresh(self) -> None:
        """Read the connections again if any changed."""
        self._asked = time.monotonic()
        state = await connections.state(self._pool)
        if state == self._state:
            return
        found = adapters()
        doors = {}
        for row in await connections.read_all(self._pool):
            adapter = found.get(row.provider)
            if adapter is None:
                log.warning("provider_unknown", connection=row.name, provider=row.provider)
                continue
            secrets = tuple(secret.encode() for secret in self._vault.open(row.secrets))
            source = Source(row.name, secrets, row.settings)
            ended = self._vault.open(row.former_secrets) if row.former_secrets else ()
            former = tuple(secret.encode() for secret in ended)
            doors[row.name] = Door(row.account_id, row.id, row.provider, adapter, source, former)
        self._doors, self._state = doors, state

    async def keep_fresh(self) -> None:
        """Refresh for ever; an unreachable Postgres leaves what is known in place."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                async with self._lock:
                    await self.refresh()
            except Exception as error:  # noqa: BLE001  (the door stays open on what it knows)
                log.warning("connections_not_refreshed", error=type(error).__name__, message=said(error))
