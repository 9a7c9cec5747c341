"""New ids and derived ids. Ids are UUIDs as text: time-ordered where a row is made, derived where it must be the same
whoever makes it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

LOWEST = "00000000-0000-0000-0000-000000000000"
"""An id that stands before all others, and is nobody's."""


def _text(raw: bytes) -> str:
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_newest = [0]
"""Milliseconds and count of the newest id of this process, as one number."""
_BACK = 10_000 << 12
"""A clock that is set back by more than ten seconds is believed."""


def new_id() -> str:
    """A UUID version 7 (RFC 9562): 48 bits of unix milliseconds, 12 that count, 62 random ones. Those that one process
    makes are in order, also within a millisecond (section 6.2, method 1) and while the clock is set back a little."""
    now = time.time_ns() // 1_000_000 << 12
    newest = _newest[0]
    if 0 <= newest - now < _BACK:
        now = newest + 1
    _newest[0] = now
    raw = bytearray((now >> 12).to_bytes(6, "big") + (now & 0xFFF | 0x7000).to_bytes(2, "big") + os.urandom(8))
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
