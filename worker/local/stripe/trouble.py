"""Trouble on the line between Daybook and Stripe, scripted: for the next requests that fit, one each."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Kind = Literal[
    "cut_before",  # the line is cut and nothing was done
    "cut_after",  # it was done, and the line is cut without an answer
    "cut_body",  # it was done, and the answer ends in the middle
    "hang_before",  # no answer; done when the hanging ends, whoever is still there; till then its key is in flight
    "hang_after",  # it was done, and no answer comes until the hanging ends
    "error_before",  # 500, kept by the key, and nothing was done
    "error_after",  # 500, kept by the key, though it was done
    "gateway",  # it was done, and something in between answers 502 with a page
    "rate_limit",  # 429, nothing was done
    "lock_timeout",  # 429, nothing was done
]
KINDS: tuple[str, ...] = get_args(Kind)


class Trouble(msgspec.Struct):
    """`on`: the operation, as `payment_intents.confirm`, or None for any write. The next `times` requests have it."""

    kind: Kind
    on: str | None = None
    customer: str | None = None
    payment_method: str | None = None
    times: int = 1
    retry_after_s: int | None = None

    def fits(self, operation: str, writes: bool, customer: str | None, payment_method: str | None) -> bool:
        return (
            self.times > 0
            and (self.on == operation or (self.on is None and writes))
            and self.customer in (None, customer)
            and self.payment_method in (None, payment_method)
        )
