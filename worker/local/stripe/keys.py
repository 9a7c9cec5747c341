"""Idempotency keys (docs.stripe.com/api/idempotent_requests): the first answer to a key is kept and given again.

What is kept is what came once the work had begun, declines and 500s among it. What was refused before that, a wrong
parameter, a conflict, a rate limit, is not. After 24 hours a key is forgotten: **the same key then does the work
again**.
"""

from __future__ import annotations

import msgspec

from worker.local.stripe.books import Clock
from worker.local.stripe.problem import invalid, key_in_use, other_parameters

KEPT_S = 24 * 3600
LONGEST = 255


class Answer(msgspec.Struct):
    """An answer as it went out."""

    status: int
    body: bytes
    request_id: str


class _Slot(msgspec.Struct):
    asked: bytes
    at: float
    answer: Answer | None = None


class Keys:
    """The keys of all API keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: dict[tuple[str, str], _Slot] = {}

    def begin(self, api_key: str, key: str, asked: bytes) -> Answer | None:
        """The kept answer; else None, and the key is in flight until `end`. Raises Problem (400, 409)."""
        if len(key) > LONGEST:
            raise invalid(f"Idempotency-Key is longer than {LONGEST} characters.")
        slot = self._slots.get((api_key, key))
        if slot is not None and self._clock() - slot.at >= KEPT_S:
            slot = None
        if slot is None:
            self._slots[api_key, key] = _Slot(asked, self._clock())
            return None
        if slot.asked != asked:
            raise other_parameters(key)
        if slot.answer is None:
            raise key_in_use(key)
        return slot.answer

    def end(self, api_key: str, key: str, answer: Answer | None) -> None:
        """The work is done: keep the answer, or forget the key where there is none to keep."""
        if answer is None:
            self._slots.pop((api_key, key), None)
        else:
            self._slots[api_key, key].answer = answer
