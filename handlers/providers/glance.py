"""What can be seen of a delivery at a glance: a field or two of its body, a time, an id of its own.

Used by `identify`, which the receiver runs inside the request: nothing here raises, whatever the sender wrote.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

Seen = TypeVar("Seen", bound=msgspec.Struct)


def see(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Seen], nothing: Seen) -> Seen:
    """The few fields that the decoder's shape names, skipping all others; `nothing` where the body cannot be read."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return nothing


def instant(text: Any) -> datetime | None:
    """RFC 3339 text as a time in UTC (without a zone it is UTC already); None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text.strip())
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def digest(*parts: bytes) -> str:
    """The same hexadecimal text for the same parts, for ids that a signer has to make up."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
