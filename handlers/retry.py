"""When a failed event is tried again."""

from __future__ import annotations

from hashlib import blake2b

BASE_S, LONGEST_S = 2.0, 3600.0


def delay_s(attempt: int, event_id: str) -> float:
    """Seconds until the next try after the given attempt (1 is the first): doubling from 2 s up to an hour, with up to
    half as much again, spread by the event's id, so that what failed together does not come back together."""
    pause = min(LONGEST_S, BASE_S * 2.0 ** (max(1, attempt) - 1))
    spread = blake2b(f"{event_id}:{attempt}".encode(), digest_size=2).digest()
    return pause * (1 + int.from_bytes(spread, "big") / 65536 / 2)
