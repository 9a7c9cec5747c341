"""Events as a worker reads them back, and the order that follows from several of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from handlers.derive import derive
from handlers.merge import add, values
from schemas.fact import Dossier, Ignored, Kind, Reading
from schemas.order import Order
from schemas.provider import Adapter, Delivery, Event, Source

PAYLOADS = Path(__file__).parents[2] / "payloads"
RECEIVED_S = 1_790_000_000
NOW = RECEIVED_S * 1_000_000
DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def body_of(provider: str, name: str) -> dict[str, Any]:
    """A recorded body."""
    found: dict[str, Any] = json.loads((PAYLOADS / provider / f"{name}.json").read_bytes(), parse_float=Decimal)
    return found


def read(
    adapter: Adapter,
    topic: str,
    body: Mapping[str, Any],
    *,
    received_s: float = RECEIVED_S,
    headers: Mapping[str, str] | None = None,
) -> Reading | Ignored:
    """What the adapter reads from a delivery of the connection `shop`."""
    raw = msgspec.json.encode(body)
    sent = adapter.sign(raw, topic, b"whsec_c2VjcmV0", received_s, {})
    delivery = Delivery({**{name.lower(): value for name, value in sent.items()}, **(headers or {})}, raw, received_s)
    identity = adapter.identify(delivery, Source("shop"))
    return adapter.facts(
        Event(
            id="event-1", source=Source("shop"), topic=identity.topic, body=DECODER.decode(raw), headers=delivery.headers,
            received_at=datetime.fromtimestamp(received_s, UTC), livemode=identity.livemode,
        )
    )  # fmt: skip


def stated(reading: Reading | Ignored, key: str) -> dict[str, Any]:
    """The fields stated of one object."""
    assert isinstance(reading, Reading), reading
    [fact] = [fact for fact in reading.facts if fact.key == key]
    return values(fact)


def kinds(reading: Reading | Ignored) -> list[tuple[Kind, str]]:
    assert isinstance(reading, Reading), reading
    return [(fact.kind, fact.key) for fact in reading.facts]


def dossier_of(*readings: Reading | Ignored) -> Dossier:
    dossier = Dossier()
    for reading in readings:
        assert isinstance(reading, Reading), reading
        dossier = add(dossier, reading)
    return dossier


def order_of(*readings: Reading | Ignored) -> Order:
    """The order that follows from the readings, taken as one sale."""
    return derive(dossier_of(*readings), NOW)
