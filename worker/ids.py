"""New ids and derived ids. Ids are UUIDs as text: time-ordered where a row is made, derived where it must be the same
whoever makes it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b


def _text(raw: bytes) -> str:
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_id() -> str:
    """A UUID version 7 (RFC 9562): 48 bits of unix milliseconds, then random bits."""
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return _text(bytes(raw))


def first_at(at: datetime) -> str:
    """The lowest id of what was made at this time or later."""
    return _text(int(at.timestamp() * 1000).to_bytes(6, "big") + bytes(10))


def derived_id(*parts: str) -> str:
    """A UUID version 8 made from the parts: the same parts always give the same id."""
    raw = bytearray(blake2b("\x1f".join(parts).encode(), digest_size=16).digest())
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return _text(bytes(raw))


def part_ids(order_id: str, kind: str, keys: Sequence[str]) -> list[str]:
    """The id of each `line` or `charge`, the same as long as its key is; senders do repeat keys, so repeats count."""
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        found.append(derived_id(order_id, kind, key, str(seen[key])))
    return found
