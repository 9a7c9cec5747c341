"""Webhooks: each event is posted to the endpoints, signed, in the order of what happened; unless a script says hold,
double, reorder or drop. Events are in the events list whatever became of their delivery."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import random
from collections.abc import Sequence
from typing import Literal

import aiohttp
import msgspec

from worker.local.stripe.books import Clock
from worker.local.stripe.objects import Object

Order = Literal["made", "reversed", "shuffled"]
RETRIES_S = (1.0, 5.0, 25.0)
TIMEOUT_S = 20.0


class Endpoint(msgspec.Struct, frozen=True):
    """Where events go, and the secret (`whsec_...`) that signs them."""

    url: str
    secret: str


class Sent(msgspec.Struct, frozen=True):
    """One try: `status` is None where no answer came."""

    event: str
    type: str
    url: str
    status: int | None


class _Due(msgspec.Struct, frozen=True):
    event: Object
    endpoint: Endpoint
    tries: int = 0


class Deliveries:
    """`retries_s`: the pauses after which a delivery that was not taken is tried again."""

    def __init__(self, clock: Clock, retries_s: Sequence[float] = RETRIES_S) -> None:
        self.endpoints: list[Endpoint] = []
        self.sent: list[Sent] = []
        self.held: list[Object] = []
        self.holding, self.copies = False, 1
        self.dropped: frozenset[str] = frozenset()
        self._clock, self._retries_s = clock, retries_s
        self._queue: asyncio.Queue[_Due] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
        )
        self._spawn(self._work())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def tell(self, event: Object) -> None:
        """A new event."""
        event["pending_webhooks"] = len(self.endpoints)
        if self.holding:
            self.held.append(event)
        else:
            self.send(event, self.copies)

    def send(self, event: Object, copies: int = 1) -> None:
        """Deliver it now, as often as told, whatever is held or was delivered before."""
        if self._drops(event["type"]):
            return
        for _ in range(copies):
            for endpoint in self.endpoints:
                self._queue.put_nowait(_Due(event, endpoint))

    def release(self, order: Order = "made", *, copies: int | None = None, seed: int = 0) -> int:
        """Deliver what was held, and hold no more; how many events it were."""
        events, self.held, self.holding = self.held, [], False
        if order == "reversed":
            events.reverse()
        copies = self.copies if copies is None else copies
        due = [event for event in events for _ in range(copies)]
        if order == "shuffled":
            random.Random(seed).shuffle(due)  # noqa: S311  (an order that a test can repeat)
        for event in due:
            self.send(event)
        return len(events)

    async def settled(self) -> None:
        """Wait until each delivery that is due has been tried."""
        await self._queue.join()

    def _drops(self, kind: str) -> bool:
        return "*" in self.dropped or kind in self.dropped

    async def _work(self) -> None:
        while True:
            due = await self._queue.get()
            try:
                await self._post(due)
            finally:
                self._queue.task_done()

    async def _post(self, due: _Due) -> None:
        event, endpoint = due.event, due.endpoint
        body = body_of(event)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, endpoint.secret, self._clock.second),
        }
        status = None
        if self._session is None:
            return
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with self._session.post(endpoint.url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        self.sent.append(Sent(event["id"], event["type"], endpoint.url, status))
        if status is not None and 200 <= status < 300:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
        elif due.tries < len(self._retries_s):
            again = msgspec.structs.replace(due, tries=due.tries + 1)
            self._spawn(self._later(again, self._retries_s[due.tries]))

    async def _later(self, due: _Due, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        self._queue.put_nowait(due)

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def body_of(event: Object) -> bytes:
    """An event as it is posted, with the same bytes each time."""
    return msgspec.json.format(msgspec.json.encode({**event, "pending_webhooks": 1}), indent=2)


def signature(body: bytes, secret: str, at: int) -> str:
    """`t=<unix s>,v1=<hex>`: HMAC-SHA256 over `t.body`, keyed with the whole text of the secret."""
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
