"""Checkouts: where one is, and how long one may be open (P1)."""

from __future__ import annotations

from enum import StrEnum

EARLIEST_S, LATEST_S, USUAL_S = 3_600, 86_400, 82_800
"""How long a session may be open: Stripe takes half an hour to a day, counted from when it opens it."""


class Standing(StrEnum):
    """Where a checkout is. `opening`: Stripe has been asked, or is about to be; `refused`, `given_up`: there is no
    session and no order; the others speak of the session."""

    OPENING = "opening"
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
