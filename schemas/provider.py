"""Shapes that pass between the receiver, the worker and a provider's adapter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from schemas.fact import Ignored, Reading


class Lane(StrEnum):
    """A named queue: that in which an event is applied (money first, then orders, then bulk imports), and that in which
    recurring orders are charged."""

    PAYMENTS = "payments"
    ORDERS = "orders"
    BULK = "bulk"
    CHARGES = "charges"


class Cause(StrEnum):
    """Why a delivery failed verification: the likely cause, as ops see it."""

    MISSING_HEADER = "missing_header"
    MALFORMED_HEADER = "malformed_header"
    WRONG_SIGNATURE = "wrong_signature"
    STALE = "stale"
    FUTURE = "future"


class Source(msgspec.Struct, frozen=True):
    """The connection as an adapter sees it: its name, its live secrets (newest first) and its settings."""

    connection: str
    secrets: tuple[bytes, ...] = ()
    settings: Mapping[str, Any] = {}


class Delivery(msgspec.Struct, frozen=True):
    """One HTTP delivery: headers with lower-case names, the raw body, the query, the receiver's clock in unix seconds.

    A header sent twice arrives as its values joined by `, `, as RFC 9110 allows.
    """

    headers: Mapping[str, str]
    body: bytes
    now: float
    query: Mapping[str, str] = {}


class Verdict(StrEnum):
    VERIFIED = "verified"
    PING = "ping"  # a provider's unsigned set-up call: answered, never stored
    REFUSED = "refused"


class Verification(msgspec.Struct, frozen=True):
    """`detail` is a sentence for the sender's operator: what is wrong and what to do. `skew_s` is how old the signed
    time was, below zero how far ahead, where that is the cause."""

    verdict: Verdict
    cause: Cause | None = None
    detail: str = ""
    skew_s: int | None = None


class Identity(msgspec.Struct, frozen=True):
    """What is known of a delivery without reading all of it.

    `dedupe` is what makes two deliveries the same (hashed by the inbox); `delivery_id` is the provider's own id, and
    only where it is `sound` does the same id with another body count as a conflict.
    """

    topic: str
    delivery_id: str
    dedupe: tuple[bytes, ...]
    lane: Lane
    sound: bool = True
    livemode: bool = True
    occurred_at: datetime | None = None


class Event(msgspec.Struct, frozen=True):
    """A verified delivery as the worker reads it back from the inbox. `body` is the decoded JSON object, with every
    number that has a fraction or an exponent as `decimal.Decimal`."""

    id: str
    source: Source
    topic: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    received_at: datetime
    livemode: bool = True
    fetched: Mapping[str, dict[str, Any]] = {}


class Fetch(msgspec.Struct, frozen=True):
    """A request that the worker must run before the event can be read: the adapter asks for it as data.

    `name` keys the answer in `Event.fetched` and coalesces: events with the same (connection, name) share one call.
    `path` is below the provider's API address, e.g. `/v1/payment_intents/pi_1`.
    """

    name: str
    path: str


class Adapter(Protocol):
    """What a provider's module offers. Five pure functions in this order, and its topics."""

    PROVIDER: str
    TOPICS: tuple[str, ...]

    def verify(self, delivery: Delivery, source: Source) -> Verification: ...
    def identify(self, delivery: Delivery, source: Source) -> Identity: ...
    def fetches(self, event: Event) -> tuple[Fetch, ...]: ...
    def facts(self, event: Event) -> Reading | Ignored: ...
    def sign(
        self, body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]
    ) -> dict[str, str]: ...
