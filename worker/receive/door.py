"""`POST /webhooks/{connection}`: raw bytes in; 2xx only for what is committed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog
from aiohttp import web

from schemas.provider import Delivery, Verdict
from worker.config import Settings
from worker.ids import new_id
from worker.problems import problem
from worker.receive.directory import Directory, Door
from worker.receive.inbox import Full, Inbox
from worker.store.inbox import NewEvent, dedupe_of

log = structlog.get_logger("receive")

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FORGOTTEN = frozenset({"authorization", "cookie", "proxy-authorization"})
_HEADERS_LIMIT = 8192
RETRY_AFTER_S = 5


class Receiver:
    """The webhook route. `clock` gives unix seconds; tests set it."""

    def __init__(
        self, settings: Settings, directory: Directory, inbox: Inbox, clock: Callable[[], float] = time.time
    ) -> None:
        self._limit = settings.body_limit_bytes
        self._timeout_s = settings.body_timeout_s
        self._directory, self._inbox, self._clock = directory, inbox, clock

    async def receive(self, request: web.Request) -> web.Response:
        try:
            door = await self._directory.find(request.match_info["connection"])
        except Exception:  # noqa: BLE001  (unknown name and no database to ask)
            return _unavailable("The connection could not be looked up.")
        if door is None:
            return problem(
                404, "There is no connection of this name. Check the address, or add it with `daybook connection add`."
            )
        body = await self._read(request)
        if isinstance(body, web.Response):
            return body
        delivery = Delivery(_headers(request), body, self._clock(), dict(request.query) if request.query_string else {})
        verification = door.adapter.verify(delivery, door.source)
        if verification.verdict is Verdict.PING:
            return _answer({"status": "pong"})
        if verification.verdict is Verdict.REFUSED:
            log.warning("delivery_refused", connection=door.source.connection, cause=verification.cause)
            return problem(401, verification.detail, code=verification.cause)
        wrong = _not_an_object(body)
        if wrong:
            return problem(400, wrong)
        return await self._store(door, delivery)

    async def _read(self, request: web.Request) -> bytes | web.Response:
        """The raw body within its limits, or the answer that refuses it."""
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            return _refuse(
                request, 415, "Send the body without Content-Encoding: the signature is over the bytes as they are."
            )
        too_large = (
            f"The body is larger than {self._limit} bytes. Raise DAYBOOK_BODY_LIMIT_BYTES if the sender is right."
        )
        if request.content_length is not None and request.content_length > self._limit:
            return _refuse(request, 413, too_large)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request.read()
        except TimeoutError:
            return _refuse(request, 408, f"The body did not arrive within {self._timeout_s:g} s. Send it again.")
        except web.HTTPRequestEntityTooLarge:
            return _refuse(request, 413, too_large)
        except (ConnectionError, web.HTTPException):
            return _refuse(request, 400, "The body broke off. Send it again.")

    async def _store(self, door: Door, delivery: Delivery) -> web.Response:
        identity = door.adapter.identify(delivery, door.source)
        event = NewEvent(
            account_id=door.account_id,
            id=new_id(),
            connection_id=door.connection_id,
            dedupe=dedupe_of(identity.dedupe),
            delivery_id=_text(identity.delivery_id),
            topic=_text(identity.topic),
            lane=identity.lane,
            livemode=identity.livemode,
            occurred_at=identity.occurred_at,
            received_at=datetime.fromtimestamp(delivery.now, UTC),
            headers=_kept(delivery),
            body=delivery.body,
            sound=identity.sound,
        )
        try:
            stored = await self._inbox.put(event)
        except Full:
            return _unavailable("Too many deliveries are waiting to be stored.")
        except Exception:  # noqa: BLE001  (logged where it happened; the sender must come again)
            return _unavailable("The delivery could not be stored.")
        return _answer({"status": "duplicate" if stored.duplicate else "accepted", "event": stored.id})


def _answer(content: dict[str, str]) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


def _unavailable(what: str) -> web.Response:
    return problem(503, f"{what} Send it again in {RETRY_AFTER_S} s.", headers={"Retry-After": str(RETRY_AFTER_S)})


def _refuse(request: web.Request, status: int, detail: str) -> web.Response:
    """A refusal of a body that was not read to its end: the connection cannot be used again."""
    response = problem(status, detail, headers={"Connection": "close"})
    response.force_close()
    return response


def _not_an_object(body: bytes) -> str | None:
    """Why the body cannot be an event, or None."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"The body is not UTF-8 (byte {error.start}). Send JSON in UTF-8."
    try:
        _OBJECT.decode(body)
    except msgspec.ValidationError:
        return "The body is JSON but not an object. Send one event as a JSON object."
    except msgspec.DecodeError as error:
        return None if _lenient(body) else f"The body is not JSON: {error}. Send one event as a JSON object."
    except RecursionError:
        return "The body is nested too deeply. Send one event as a JSON object."
    return None


def _lenient(body: bytes) -> bool:
    """Whether the grammar of JSON allows an object that the strict decoder refuses (half of a surrogate pair, say): it
    is stored, and the worker says what is wrong with it."""
    try:
        return isinstance(json.loads(body, parse_constant=_refuse_constant), dict)
    except (ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _headers(request: web.Request) -> dict[str, str]:
    """Lower-case names; a header sent twice as its values joined by a comma."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _text(value: str) -> str:
    """Text that Postgres can hold, whatever the sender put into it."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:255]


def _kept(delivery: Delivery) -> str:
    """The headers worth keeping, as JSON: no credentials, and no more than a few kilobytes."""
    kept, size = {}, 0
    for name, value in delivery.headers.items():
        size += len(name) + len(value)
        if name not in _FORGOTTEN and size <= _HEADERS_LIMIT:
            kept[name] = value.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode(kept).decode()
