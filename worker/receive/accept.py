"""What a verified delivery has to be, and what the inbox is given of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec

from schemas.provider import Adapter, Delivery, Source
from schemas.refusal import Trace
from worker.ids import new_id
from worker.store.inbox import NewEvent, dedupe_of

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
FORGOTTEN = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that are credentials of somebody else's: never stored."""
_HEADERS_LIMIT = 8192


def event_of(account_id: str, connection_id: str, adapter: Adapter, source: Source, delivery: Delivery) -> NewEvent:
    """The delivery as the inbox stores it."""
    identity = adapter.identify(delivery, source)
    return NewEvent(
        account_id=account_id,
        id=new_id(),
        connection_id=connection_id,
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


def not_an_object(body: bytes) -> tuple[Trace, str] | None:
    """Why the body cannot be an event, or None."""
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        return Trace.NOT_UTF8, f"The body is not UTF-8 (byte {error.start}). Send JSON in UTF-8."
    try:
        _OBJECT.decode(body)
    except msgspec.ValidationError:
        return Trace.NOT_JSON, "The body is JSON but not an object. Send one event as a JSON object."
    except msgspec.DecodeError as error:
        if _lenient(body):
            return None
        return Trace.NOT_JSON, f"The body is not JSON: {error}. Send one event as a JSON object."
    except RecursionError:
        return Trace.NOT_JSON, "The body is nested too deeply. Send one event as a JSON object."
    return None


def _lenient(body: bytes) -> bool:
    """Whether the grammar of JSON allows an object that the strict decoder refuses (half of a surrogate pair, say): it
    is stored, and the worker says what is wrong with it. As text: of bytes `json` would guess UTF-16 and the like."""
    try:
        return isinstance(json.loads(body.decode(), parse_constant=_refuse_constant), dict)
    except (ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: str) -> str:
    """Text that Postgres can hold, whatever the sender put into it."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:255]


def _kept(delivery: Delivery) -> str:
    """The headers worth keeping, as JSON: no credentials, and no more than a few kilobytes."""
    if FORGOTTEN.isdisjoint(delivery.headers):
        try:
            whole = msgspec.json.encode(delivery.headers)
        except UnicodeEncodeError:
            pass
        else:
            if len(whole) <= _HEADERS_LIMIT:
                return whole.decode()
    kept, size = {}, 0
    for name, value in delivery.headers.items():
        size += len(name) + len(value)
        if name not in FORGOTTEN and size <= _HEADERS_LIMIT:
            kept[name] = value.encode("utf-8", "backslashreplace").decode()
    return msgspec.json.encode(kept).decode()
