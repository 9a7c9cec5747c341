"""Standard Webhooks 1.0.0 (standardwebhooks.com) with Daybook's own order payload.

- Signature: `webhook-signature` is a space-separated list of `v1,<base64 HMAC-SHA256>` and `v1a,<base64 ed25519>` over
  `id.timestamp.body`; the timestamp is that of the attempt, the id is the same on every retry.
- A secret is `whsec_` and base64 (padding may be missing). The setting `secret_format: raw` keys the HMAC with the text
  itself, as Polar and BigCommerce do; `whpk_` and base64 is an ed25519 public key. Svix's header names are accepted too.
- The payload is `{"type": "order.upserted", "timestamp", "data": {...}}`, the full order each time. Versions of one order
  are ordered by `timestamp`, and by `version` within one instant: a higher version must not carry an earlier timestamp.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from handlers import summary
from handlers.errors import Unmappable
from handlers.merge import state
from handlers.money import decimal
from handlers.providers.shop_documents import address, plain
from handlers.providers.signing import (
    SIGNATURES_LIMIT,
    TOLERANCE_S,
    VERIFIED,
    WRONG,
    from_base64,
    hmac_sha256,
    missing,
    off_clock,
    refused,
    same,
)
from handlers.reading import Node
from schemas.fact import Ignored, Kind, Reading
from schemas.order import PaymentStatus, ShippingStatus
from schemas.provider import Cause, Delivery, Event, Fetch, Identity, Lane, Source, Verification
from schemas.stated import UNSET as NOT_STATED
from schemas.stated import Address, Charge, Claim, Form, Line, Party

PROVIDER = "standard"
TOPICS = ("order.upserted",)
_PREFIXES = ("webhook", "svix")


class _Head(msgspec.Struct):
    type: Any = None
    timestamp: Any = None
    data: Any = None


_HEAD = msgspec.json.Decoder(_Head)


def _header(delivery: Delivery, name: str, source: Source) -> str | None:
    own = str(source.settings.get("header_prefix", _PREFIXES[0]))
    return next((value for prefix in (own, *_PREFIXES) if (value := delivery.headers.get(f"{prefix}-{name}"))), None)


def verify(delivery: Delivery, source: Source) -> Verification:
    """Check the signature list against every secret of the connection."""
    found = {}
    for name in ("id", "timestamp", "signature"):
        value = _header(delivery, name, source)
        if not value:
            return missing(f"webhook-{name}")
        found[name] = value
    timestamp = found["timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return refused(Cause.MALFORMED_HEADER, "The header webhook-timestamp is not a time in unix seconds.")
    candidates = [part.partition(",") for part in found["signature"].split(None, SIGNATURES_LIMIT)[:SIGNATURES_LIMIT]]
    symmetric = [decoded for version, _, value in candidates if version == "v1" and (decoded := from_base64(value))]
    asymmetric = [decoded for version, _, value in candidates if version == "v1a" and (decoded := from_base64(value))]
    signed = (found["id"].encode("utf-8", "surrogateescape"), b".", timestamp.encode(), b".", delivery.body)
    for secret in source.secrets:
        if _matches(secret, source, signed, symmetric, asymmetric):
            return off_clock(int(timestamp), delivery.now, source.settings.get("tolerance_s", TOLERANCE_S)) or VERIFIED
    return WRONG


def _matches(
    secret: bytes, source: Source, signed: tuple[bytes, ...], symmetric: list[bytes], asymmetric: list[bytes]
) -> bool:
    if secret.startswith(b"whpk_"):
        public = _unpadded(secret[5:])
        return (
            public is not None
            and len(public) == 32
            and any(_ed25519(public, signature, b"".join(signed)) for signature in asymmetric)
        )
    key = _key(secret, source.settings)
    if not key:
        return False
    expected = hmac_sha256(key, *signed)
    return any(same(expected, signature) for signature in symmetric)


def _key(secret: bytes, settings: Mapping[str, Any]) -> bytes | None:
    if settings.get("secret_format", "whsec") == "raw":
        return secret
    return _unpadded(secret.removeprefix(b"whsec_"))


def _unpadded(text: bytes) -> bytes | None:
    try:
        return from_base64(text.decode("ascii") + "=" * (-len(text) % 4))
    except UnicodeDecodeError:
        return None


def _ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def identify(delivery: Delivery, source: Source) -> Identity:
    """The webhook id is the delivery id; the same id with other bytes is another delivery."""
    try:
        head = _HEAD.decode(delivery.body)
    except (msgspec.DecodeError, RecursionError):
        head = _Head()
    topic = head.type if isinstance(head.type, str) else ""
    delivery_id = _header(delivery, "id", source) or ""
    live = head.data.get("livemode") if isinstance(head.data, dict) else None
    return Identity(
        topic=topic,
        delivery_id=delivery_id,
        dedupe=(delivery_id.encode("utf-8", "replace"), hashlib.sha256(delivery.body).digest()),
        lane=Lane.ORDERS,
        livemode=live is not False,
        occurred_at=_moment(head.timestamp),
    )


def _moment(timestamp: Any) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) and len(timestamp) < 64 else None
        return parsed.replace(tzinfo=parsed.tzinfo or UTC) if parsed else None
    except ValueError:
        return None


def fetches(event: Event) -> tuple[Fetch, ...]:
    """Nothing: the payload is the whole order."""
    return ()


def facts(event: Event) -> Reading | Ignored:
    """The order as the sender states it now."""
    body = Node(event.body)
    if event.topic not in TOPICS:
        return Ignored(f"Daybook does not act on {event.topic or 'a payload without a type'}; it takes order.upserted")
    data = body.node("data")
    at = body.time("timestamp")
    version = data.integer("version") if data.has("version") else 0
    external_id = data.identifier("external_id")
    currency = data.currency("currency")
    lines = tuple(_line(item, position) for position, item in enumerate(data.nodes("items"), 1))
    charges = tuple(_charge(item, position) for position, item in enumerate(data.nodes("charges"), 1))
    computed = summary.computed(lines, charges)
    total = data.integer("amount") if data.has("amount") else summary.order_total(lines, computed)
    if total < 0:
        raise Unmappable(data.at("amount"), f"the total is below zero ({total})")
    note = _word(data, "payment_status", PaymentStatus)
    paid = data.integer("amount_paid") if data.has("amount_paid") else None
    customer = data.maybe_node("customer")
    customer_id = customer.maybe_identifier("id") if customer else None
    connection = event.source.connection
    claim = Claim(
        form=Form.FEED,
        claims=True,
        connection=connection,
        external_id=external_id,
        external_number=data.maybe_identifier("number"),
        title=data.text("title", 1000),
        currency=currency,
        total=total,
        lines=lines,
        charges=charges,
        canceled=note == PaymentStatus.CANCELED,
        failed=note == PaymentStatus.FAILED,
        note=note,
        stated_paid=NOT_STATED if paid is None else paid,
        stated_returned=paid if paid is not None and note == PaymentStatus.REFUNDED else NOT_STATED,
        party=Party(
            ids=(f"{connection}:customer:{customer_id}",) if customer_id else (),
            email=customer.email("email") if customer else None,
            name=customer.text("name", 1000) if customer else None,
            phone=customer.text("phone", 100) if customer else None,
        ),
        billing_address=_address(data, "billing_address"),
        shipping_address=_address(data, "shipping_address"),
        shipping_status=_word(data, "shipping_status", ShippingStatus),
        tracking_url=data.text("tracking_url", 2000),
        notes=data.text("notes"),
        ordered_at=data.maybe_time("ordered_at") or at,
        paid_at=data.maybe_time("paid_at"),
        due_at=data.maybe_time("due_at"),
        livemode=event.livemode,
    )
    return Reading(
        (state(f"{connection}:order:{external_id}", Kind.CLAIM, claim, at=at, rank=version, event=event.id),)
    )


def _word(node: Node, name: str, words: type[PaymentStatus | ShippingStatus]) -> str | None:
    value = node.text(name, 100)
    if value is not None and value not in {word.value for word in words}:
        raise Unmappable(node.at(name), f"{value!r} is not one of {', '.join(words)}")
    return value


def _address(node: Node, name: str) -> Address | None:
    return address(
        node.maybe_node(name), line1="line1", line2="line2", postal_code="postal_code", state="state", country="country"
    )


def _line(item: Node, position: int) -> Line:
    quantity = decimal(item.raw("quantity"), item.at("quantity")) if item.has("quantity") else Decimal(1)
    rate = plain(decimal(item.raw("tax_rate"), item.at("tax_rate"))) if item.has("tax_rate") else None
    priced = summary.price(
        Line(
            key=item.maybe_identifier("id") or item.maybe_identifier("key") or str(position),
            name=item.text("name", 5000) or item.maybe_identifier("sku") or "Item",
            sku=item.maybe_identifier("sku"),
            quantity=plain(quantity),
            unit_price=item.integer("unit_price") if item.has("unit_price") else 0,
            tax_rate=rate,
            discount=item.integer("discount") if item.has("discount") else 0,
            delivery_method=item.text("delivery_method", 255),
        )
    )
    if not summary.within_bounds((priced,), ()):
        raise Unmappable(item.path, f"the line comes to {priced.total}, which is below zero or beyond every limit")
    return priced


def _charge(item: Node, position: int) -> Charge:
    kind = item.text("kind", 100)
    if kind not in summary.CHARGE_KINDS:
        raise Unmappable(item.at("kind"), f"{kind!r} is not one of {', '.join(summary.CHARGE_KINDS)}")
    mode = item.text("mode", 20) or "fixed"
    if mode not in ("fixed", "percent"):
        raise Unmappable(item.at("mode"), f"{mode!r} is neither fixed nor percent")
    of = (item.text("of", 20) or "subtotal") if mode == "percent" else None
    if of not in (None, "subtotal", "running"):
        raise Unmappable(item.at("of"), f"{of!r} is neither subtotal nor running")
    value = decimal(item.raw("value"), item.at("value"))
    if value < 0 or (mode == "fixed" and value != value.to_integral_value()):
        raise Unmappable(
            item.at("value"), "expected an amount of at least 0, whole minor units where the charge is fixed"
        )
    return Charge(
        kind=kind, key=str(position), mode=mode, of=of, value=plain(value), sign=-1 if item.raw("sign") in (-1, "-") else 1,
        label=item.text("label", 500),
    )  # fmt: skip


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a sender would send with the body; the id follows from the body, so a repeat is a duplicate."""
    prefix = str(settings.get("header_prefix", _PREFIXES[0]))
    id_ = f"msg_{hashlib.sha256(body).hexdigest()[:27]}"
    timestamp = str(int(now))
    digest = hmac_sha256(_key(secret, settings) or b"", id_.encode(), b".", timestamp.encode(), b".", body)
    return {
        "Content-Type": "application/json",
        f"{prefix}-id": id_,
        f"{prefix}-timestamp": timestamp,
        f"{prefix}-signature": "v1," + base64.b64encode(digest).decode(),
    }
