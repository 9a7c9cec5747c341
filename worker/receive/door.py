"""`POST /webhooks/{connection}`: raw bytes in; 2xx only for what is committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from schemas.provider import Delivery, Verdict
from schemas.refusal import Trace
from worker import metrics
from worker.config import Settings
from worker.problems import problem
from worker.receive.accept import event_of, not_an_object
from worker.receive.directory import Directory, Door
from worker.receive.inbox import Full, Inbox
from worker.receive.rejects import Rejects

RETRY_AFTER_S = 5


class Receiver:
    """The webhook route. `clock` gives unix seconds; tests set it."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        inbox: Inbox,
        rejects: Rejects,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limit = settings.body_limit_bytes
        self._too_large = (
            f"The body is larger than {self._limit} bytes. Raise DAYBOOK_BODY_LIMIT_BYTES if the sender is right."
        )
        self._timeout_s = settings.body_timeout_s
        self._directory, self._inbox, self._rejects, self._clock = directory, inbox, rejects, clock

    async def receive(self, request: web.Request) -> web.Response:
        try:
            door = await self._directory.find(request.match_info["connection"])
        except Exception:  # noqa: BLE001  (unknown name and no database to ask)
            return _unavailable("The connection could not be looked up.")
        if door is None:
            self._rejects.unknown()
            return problem(
                404, "There is no connection of this name. Check the address, or add it with `daybook connection add`."
            )
        body = await self._read(request, door)
        if isinstance(body, web.Response):
            return body
        delivery = Delivery(_headers(request), body, self._clock(), dict(request.query) if request.query_string else {})
        verification = door.adapter.verify(delivery, door.source)
        if verification.verdict is Verdict.PING:
            return _answer({"status": "pong"})
        if verification.verdict is Verdict.REFUSED:
            self._rejects.unverified(door, delivery, verification)
            metrics.source(door.source.connection).bad_signature.inc()
            return problem(401, verification.detail, code=verification.cause)
        wrong = not_an_object(body)
        if wrong:
            self._rejects.note(door, wrong[0])
            return problem(400, wrong[1])
        return await self._store(door, delivery)

    async def _read(self, request: web.Request, door: Door) -> bytes | web.Response:
        """The raw body within its limits, or the answer that refuses it."""
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            detail = "Send the body without Content-Encoding: the signature is over the bytes as they are."
            return self._refuse(door, Trace.CONTENT_ENCODING, 415, detail)
        size = request.content_length
        if size is not None:
            if size > self._limit:
                return self._refuse(door, Trace.TOO_LARGE, 413, self._too_large)
            if request.content.is_eof() and request.content.exception() is None:
                return request.content.read_nowait()  # it is all here: nothing to wait for, no clock to set
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request.read()
        except TimeoutError:
            detail = f"The body did not arrive within {self._timeout_s:g} s. Send it again."
            return self._refuse(door, Trace.TOO_SLOW, 408, detail)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(door, Trace.TOO_LARGE, 413, self._too_large)
        except (ConnectionError, web.HTTPException, web.RequestPayloadError, web.PayloadAccessError):
            return self._refuse(door, Trace.BROKEN_OFF, 400, "The body broke off. Send it again.")

    def _refuse(self, door: Door, trace: Trace, status: int, detail: str) -> web.Response:
        """A refusal of a body that was not read to its end: the connection cannot be used again."""
        self._rejects.note(door, trace)
        if trace in (Trace.TOO_LARGE, Trace.TOO_SLOW):
            counters = metrics.source(door.source.connection)
            (counters.too_large if trace is Trace.TOO_LARGE else counters.timeout).inc()
        response = problem(status, detail, headers={"Connection": "close"})
        response.force_close()
        return response

    async def _store(self, door: Door, delivery: Delivery) -> web.Response:
        event = event_of(door.account_id, door.connection_id, door.adapter, door.source, delivery)
        counters = metrics.source(door.source.connection)
        try:
            stored = await self._inbox.put(event)
        except Full:
            counters.shed.inc()
            return _unavailable("Too many deliveries are waiting to be stored.")
        except Exception:  # noqa: BLE001  (logged where it happened; the sender must come again)
            counters.shed.inc()
            return _unavailable("The delivery could not be stored.")
        (counters.duplicate if stored.duplicate else counters.conflict if stored.conflict else counters.accepted).inc()
        return _answer({"status": "duplicate" if stored.duplicate else "accepted", "event": stored.id})


def _answer(content: dict[str, str]) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


def _unavailable(what: str) -> web.Response:
    return problem(503, f"{what} Send it again in {RETRY_AFTER_S} s.", headers={"Retry-After": str(RETRY_AFTER_S)})


def _headers(request: web.Request) -> dict[str, str]:
    """Lower-case names; a header sent twice as its values joined by a comma."""
    given = request.headers
    found = {name.lower(): value for name, value in given.items()}
    if len(found) < len(given):
        found = {name: ", ".join(given.getall(name)) for name in found}
    return found
