"""The pieces that signature schemes share: constant-time comparison over bytes, prepared HMAC keys, clock checks.

The providers' own verifiers raise on hostile headers (TypeError, binascii.Error, UnicodeDecodeError), so none is used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas.provider import Cause, Verdict, Verification

VERIFIED = Verification(Verdict.VERIFIED)
PING = Verification(Verdict.PING)
TOLERANCE_S = 300
SIGNATURES_LIMIT = 32
"""How many signatures of one header are tried: rotation needs two or three, a flood is refused unread."""


@lru_cache(maxsize=4096)
def _prepared(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def hmac_sha256(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts in turn. The keyed state is prepared once a key: setting it up costs more than
    hashing a small body."""
    state = _prepared(key).copy()
    for part in parts:
        state.update(part)
    return state.digest()


def same(left: bytes, right: bytes) -> bool:
    return hmac.compare_digest(left, right)


def from_base64(text: str) -> bytes | None:
    """Strict base64 with its padding, or None."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def from_hex(text: str) -> bytes | None:
    """Hexadecimal, or None."""
    try:
        return binascii.unhexlify(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        return None


def refused(cause: Cause, detail: str) -> Verification:
    return Verification(Verdict.REFUSED, cause, detail)


def missing(header: str) -> Verification:
    return refused(
        Cause.MISSING_HEADER, f"The header {header} is missing. Send the delivery from the provider, signed."
    )


def tolerance_of(settings: Mapping[str, Any]) -> int:
    """The connection's own tolerance (its setting `tolerance_s`), where it is a sensible number of seconds."""
    own = settings.get("tolerance_s", TOLERANCE_S)
    return own if isinstance(own, int) and not isinstance(own, bool) and 0 < own <= 86_400 else TOLERANCE_S


def off_clock(timestamp: int, now: float, tolerance_s: int = TOLERANCE_S) -> Verification | None:
    """A refusal if the signed time is further than the tolerance from the receiver's clock, either way."""
    age = int(now) - timestamp
    if age > tolerance_s:
        detail = f"The signature is {age} s old and {tolerance_s} s are allowed. Check both clocks."
        return Verification(Verdict.REFUSED, Cause.STALE, detail, age)
    if -age > tolerance_s:
        detail = f"The signature is {-age} s ahead and {tolerance_s} s are allowed. Check both clocks."
        return Verification(Verdict.REFUSED, Cause.FUTURE, detail, age)
    return None


WRONG = refused(
    Cause.WRONG_SIGNATURE,
    "The signature does not match. Check that the connection holds this endpoint's secret, and that nothing on the way "
    "changes the body.",
)
