"""The doors that the day goes through: the API, the webhook addresses, the stand-in's own API and its scripting."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from worker.cli.instance import Api, Instance, api, unreachable
from worker.errors import UserError
from worker.providers import adapters

SHOPS = ("shopify", "woocommerce")
_KEY = "sk_test_stand_in"


@dataclass(frozen=True)
class Delivery:
    """A body that a shop posts to the connection of its provider's name."""

    connection: str
    topic: str
    body: bytes


class Doors:
    """`secrets`: of the connections that shops post to. Whatever does not answer becomes a `UserError`."""

    def __init__(
        self, instance: Instance, stand_in: str, secrets: Mapping[str, str], calls: Api, session: aiohttp.ClientSession
    ) -> None:
        self._instance, self._stand_in, self._secrets = instance, stand_in, secrets
        self._calls, self._session = calls, session

    async def get(self, path: str) -> Any:
        return await self._calls.call("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self._calls.call("POST", path, body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._calls.call("PATCH", path, body)

    async def listed(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Every item of a list that the query chooses."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.get(f"{path}?{urlencode({'limit': 100, **query})}")
            found += page["items"]
            if not page["next_cursor"]:
                return found
            query["cursor"] = page["next_cursor"]

    async def deliver(self, one: Delivery) -> tuple[str, str]:
        """Sign it as the provider does and post it: `accepted` or `duplicate`, and the event's id."""
        adapter = adapters()[one.connection]
        headers = adapter.sign(one.body, one.topic, self._secrets[one.connection].encode(), time.time(), {})
        content = await self._asked(
            f"{self._instance.url}/webhooks/{one.connection}", one.body, {"Content-Type": "application/json", **headers}
        )
        return content["status"], content["event"]

    async def script(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the stand-in, or tell it what happens."""
        import msgspec

        return await self._asked(
            f"{self._stand_in}/_stand_in{path}", None if body is None else msgspec.json.encode(body)
        )

    async def refund(self, payment_intent: str, amount: int) -> None:
        """Give money back, as somebody does in Stripe's dashboard."""
        form = urlencode({"payment_intent": payment_intent, "amount": amount}).encode()
        headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
        await self._asked(f"{self._stand_in}/v1/refunds", form, headers)

    async def _asked(self, address: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> Any:
        """A GET without a body, else a POST; the JSON of the answer."""
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(method, address, data=body, headers=headers) as answer:
                if answer.status < 300:
                    return await answer.json(content_type=None)
                said = (await answer.text())[:300]
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise unreachable(Instance(address.partition("/_stand_in")[0], None), error) from None
        of_shop = "See `daybook connection list`; --secret gives the secrets that the shops sign with."
        raise UserError(
            f"{address} answered {answer.status}: {said}",
            remedy=of_shop if "/webhooks/" in address else "See that the stand-in is of this version.",
        )


@asynccontextmanager
async def opened(instance: Instance, stand_in: str, secrets: Mapping[str, str]) -> AsyncIterator[Doors]:
    async with api(instance) as calls, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield Doors(instance, stand_in, secrets, calls, session)
