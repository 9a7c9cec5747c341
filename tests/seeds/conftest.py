"""Seed files in and out of accounts, beside the API that shows what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, api
from tests.world import NOW
from worker.apply import parents
from worker.seeds import dump
from worker.seeds.check import check
from worker.seeds.load import Counts, load
from worker.seeds.problems import Problems
from worker.store.db import to_json
from worker.store.snapshot import snapshot

__all__ = ["Account", "api"]


class Account:
    """One account of an installation, by its API and by its files."""

    def __init__(self, api: Api, account_id: str, token: str, folder: Path) -> None:
        self.api, self.id, self.token, self._folder = api, account_id, token, folder

    async def load(self, content: Any, name: str = "seeds.json") -> Counts:
        """Import a file of this content: text as it is, anything else as JSON."""
        file = self._folder / name
        file.write_bytes(content if isinstance(content, bytes) else _text(content).encode())
        problems = Problems(name)
        found = check(file, problems, lambda _: None)
        try:
            problems.end()
            counts = await load(self.api.shop.ctx.pool, self.id, found, problems, lambda _: None, at=NOW)
        finally:
            found.close()
        while await parents.tick(self.api.shop.ctx):
            pass
        return counts

    async def dump(self) -> list[dict[str, Any]]:
        """The entries of an export, as they come back from a file."""
        async with snapshot(self.api.shop.ctx.pool) as connection:
            return [json.loads(to_json(entry)) async for entry in dump.entries(connection, self.id)]

    async def all(self, noun: str) -> list[dict[str, Any]]:
        """Every record of a noun, oldest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.api.get(f"/{noun}?limit=100{cursor}", token=self.token)
            found += page["items"]
            if not page.get("next_cursor"):
                return found[::-1]
            cursor = f"&cursor={page['next_cursor']}"

    async def books(self) -> list[dict[str, Any]]:
        """Every order as the API shows it, without what is a matter of where it is kept: ids are told by what they mean,
        numbers, versions and the times of keeping are left out."""
        orders = await self.all("orders")
        meant: dict[str, Any] = {order["id"]: ["order", order["title"]] for order in orders}
        for noun, name in (("contacts", "email"), ("locations", "slug"), ("deals", "title"), ("offers", "name")):
            for record in await self.all(noun):
                meant[record["id"]] = [noun, record.get(name) or record["name"]]
        for order in orders:
            for item in order["items"]:
                meant[item["id"]] = ["item", item["name"], item["position"]]
            for payment in order["payments"]:
                meant[payment["id"]] = ["payment", payment["external_id"]]
        return sorted((_plain(order, meant) for order in orders), key=lambda order: json.dumps(order, sort_keys=True))


_LEFT_OUT = frozenset({"id", "number", "version", "created_at", "updated_at"})


def _plain(value: Any, meant: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner, meant) for name, inner in value.items() if name not in _LEFT_OUT}
    if isinstance(value, list):
        return [_plain(inner, meant) for inner in value]
    return meant.get(value, value) if isinstance(value, str) else value


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, indent=1)


@pytest.fixture
def here(api: Api, tmp_path: Path) -> Account:
    """The account that the API speaks of unless told otherwise."""
    return Account(api, api.shop.account_id, api.admin, tmp_path)


@pytest.fixture
async def there(api: Api, tmp_path: Path) -> Account:
    """An empty account."""
    token = await api.other_account()
    account_id = await api.shop.ctx.pool.fetchval("SELECT id FROM accounts WHERE name = 'other'")
    return Account(api, account_id, token, tmp_path)
