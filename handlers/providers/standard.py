"""Standard Webhooks 1.0.0, with Daybook's own order payload.

The signature covers `id.timestamp.body`; the timestamp is that of the attempt, the id stays the same over retries. A
secret is `whsec_` and base64 (`v1`, HMAC-SHA256) or, with `v1a` (ed25519), a public key `whpk_` and base64. The setting
`secret_format` = `raw` keys the HMAC with the text of the secret itself, as Polar and BigCommerce do; `header_prefix`
says which headers go first, `webhook` or `svix`, and both are read.

The payload `order.upserted` states an order whole. `version` decides between payloads of one order; without it, or
between equal ones, `timestamp` does: when the sender says that it was so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from handlers.errors import Refused
from handlers.providers.feed_order import order
from handlers.providers.glance import digest, instant, see
from handlers.providers.signing import (
    SIGNATURES_LIMIT,
    VERIFIED,
    WRONG,
    from_base64,
    hmac_sha256,
    missing,
    off_clock,
    refused,
    same,
    tolerance_of,
)
from handlers.reading import Node
from schemas.fact import Ignored, Reading
from schemas.provider import Cause, Delivery, Event, Fetch, Identity, Lane, Source, Verification

PROVIDER: str = "standard"
TOPICS: tuple[str, ...] = ("order.upserted",)
PREFIXES = ("webhook", "svix")

_NO_KEY = refused(
    Cause.WRONG_SIGNATURE,
    "No secret of this connection can be used: each has to be whsec_ (or whpk_) and base64. Where the sender keys with "
    "the text of the secret itself, set secret_format to raw.",
)


class _Glance(msgspec.Struct):
    type: Any = None
    timestamp: Any = None
    data: msgspec.Raw = msgspec.Raw()


class _Data(msgspec.Struct):
    livemode: Any = None


_GLANCE = msgspec.json.Decoder(_Glance)
_DATA = msgspec.json.Decoder(_Data)
_Key = bytes | Ed25519PublicKey | Ed25519PrivateKey


def _prefixes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that headers may begin with, the connection's own first."""
    own = settings.get("header_prefix")
    return tuple(sorted(PREFIXES, key=lambda prefix: prefix != own)) if own in PREFIXES else PREFIXES


def _header(delivery: Delivery, source: Source, name: str) -> str:
    """A header under the prefix under which the signature came: the two sets of names are never mixed."""
    prefixes = _prefixes(source.settings)
    used = next((prefix for prefix in prefixes if delivery.headers.get(f"{prefix}-signature")), prefixes[0])
    return delivery.headers.get(f"{used}-{name}", "").strip()


@lru_cache(maxsize=1024)
def _key(secret: bytes, raw: bool) -> _Key | None:
    """What a secret verifies with, or None where it verifies nothing."""
    if raw:
        return secret or None
    text = secret.strip()
    prefix = text[:5] if text[:5] in (b"whpk_", b"whsk_") else b"whsec_"
    encoded = text.removeprefix(prefix)
    try:
        found = from_base64((encoded + b"=" * (-len(encoded) % 4)).decode("ascii"))
        if prefix == b"whpk_" and found is not None:
            return Ed25519PublicKey.from_public_bytes(found)
        if prefix == b"whsk_" and found is not None:
            return Ed25519PrivateKey.from_private_bytes(found[:32])
    except ValueError:
        return None
    return found or None


def _is_raw(settings: Mapping[str, Any]) -> bool:
    return settings.get("secret_format") == "raw"


def verify(delivery: Delivery, source: Source) -> Verification:
    """Whether one of the connection's secrets signed id, timestamp and body within the tolerance."""
    prefix = _prefixes(source.settings)[0]
    found = {name: _header(delivery, source, name) for name in ("id", "timestamp", "signature")}
    for name, value in found.items():
        if not value:
            return missing(f"{prefix}-{name}")
        if not value.isascii():
            return refused(Cause.MALFORMED_HEADER, f"The header {prefix}-{name} is not ASCII.")
    stamp = found["timestamp"]
    if not stamp.isdigit() or len(stamp) > 12:
        return refused(Cause.MALFORMED_HEADER, f"The header {prefix}-timestamp is not a whole number of unix seconds.")
    parts = found["signature"].split(None, SIGNATURES_LIMIT)
    if len(parts) > SIGNATURES_LIMIT:
        return refused(Cause.MALFORMED_HEADER, f"More than {SIGNATURES_LIMIT} signatures in {prefix}-signature.")
    signatures = [pair for part in parts if (pair := _signature(part)) is not None]
    if not signatures:
        return refused(Cause.MALFORMED_HEADER, f"No v1 or v1a signature in {prefix}-signature, such as v1,<base64>.")
    keys = [key for secret in source.secrets if (key := _key(secret, _is_raw(source.settings))) is not None]
    if not keys:
        return _NO_KEY
    signed = (found["id"].encode("ascii"), b".", stamp.encode("ascii"), b".", delivery.body)
    matches = [_matches(key, scheme, value, signed) for key in keys for scheme, value in signatures]
    if not any(matches):
        return WRONG
    return off_clock(int(stamp), delivery.now, tolerance_of(source.settings)) or VERIFIED


def _signature(part: str) -> tuple[str, bytes] | None:
    """Scheme and bytes of one signature. A header that was sent twice leaves a comma at the end of its first."""
    scheme, _, text = part.strip(",").partition(",")
    value = from_base64(text) if scheme in ("v1", "v1a") else None
    return (scheme, value) if value is not None else None


def _matches(key: _Key, scheme: str, value: bytes, signed: tuple[bytes, ...]) -> bool:
    if isinstance(key, bytes):
        return scheme == "v1" and same(hmac_sha256(key, *signed), value)
    if scheme != "v1a":
        return False
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    try:
        public.verify(value, b"".join(signed))
    except InvalidSignature:
        return False
    return True


def identify(delivery: Delivery, source: Source) -> Identity:
    """By the sender's id and the body: the same id with another body is an event of its own."""
    seen = see(delivery.body, _GLANCE, _Glance())
    data = see(seen.data, _DATA, _Data()) if bytes(seen.data)[:1] == b"{" else _Data()
    identifier = _header(delivery, source, "id")
    return Identity(
        topic=seen.type if isinstance(seen.type, str) else "",
        delivery_id=identifier,
        dedupe=(identifier.encode("utf-8", "surrogatepass"), delivery.body),
        lane=Lane.ORDERS,
        sound=bool(identifier),
        livemode=data.livemode is not False,
        occurred_at=instant(seen.timestamp),
    )


def fetches(event: Event) -> tuple[Fetch, ...]:
    """Nothing: the payload states the order whole."""
    return ()


def facts(event: Event) -> Reading | Ignored:
    """What the event states. Raises Unmappable with the path of the field that is wrong."""
    given = event.body.get("type")
    if given not in TOPICS:
        named = f"{given[:100]} is" if isinstance(given, str) and given else "A payload without a type is"
        return Ignored(f"{named} not one that Daybook acts on; orders come as order.upserted.")
    return order(event, Node(event.body))


def sign(body: bytes, topic: str, secret: bytes, now: float, settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an attempt made now. The id follows from the body, so that the same file is the same delivery."""
    identifier, stamp = f"msg_{digest(body)[:32]}", str(int(now))
    signed = (identifier.encode("ascii"), b".", stamp.encode("ascii"), b".", body)
    key = _key(secret, _is_raw(settings))
    if isinstance(key, bytes):
        scheme, value = "v1", hmac_sha256(key, *signed)
    elif isinstance(key, Ed25519PrivateKey):
        scheme, value = "v1a", key.sign(b"".join(signed))
    else:
        raise Refused(
            "cannot_sign", "Nothing can be signed with this secret.", field="secret",
            remedy="Give whsec_ and base64, the private key whsk_ and base64, or set secret_format to raw.",
        )  # fmt: skip
    prefix = _prefixes(settings)[0]
    return {
        f"{prefix}-id": identifier,
        f"{prefix}-timestamp": stamp,
        f"{prefix}-signature": f"{scheme},{base64.b64encode(value).decode('ascii')}",
    }
