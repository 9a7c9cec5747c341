"""What came of a call to Stripe: exactly one of six, so that whoever called cannot take a guess for an answer.

| outcome | was it done? | what to do |
| --- | --- | --- |
| `Succeeded` | yes | read the object: that the call was done does not say that money moved (`status`) |
| `Declined` | no: the payment was tried and refused | a new try needs a new idempotency key |
| `Refused` | no: the request, the key or its permissions are wrong | a person has to mend it |
| `Limited` | no, and nothing was tried | the same key again, later |
| `Conflict` | the key is in use, or was used for other parameters | `in_flight`: again later; the other: look it up |
| `Unknown` | perhaps | never a new key before it was settled: the same key while it is young, else look it up |

An outcome speaks of its own request alone: where an earlier one with the same key is `Unknown`, a later `Limited`,
`in_flight` or refused key leaves it as unknown as it was.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """`request_id`: Stripe's name of the request, for its support. `replayed`: the answer is the kept one of an earlier
    request with the same idempotency key."""

    request_id: str | None = None
    replayed: bool = False


class Succeeded(_Heard, frozen=True):
    """`object`: what Stripe answered, as in the body of a webhook (integers are int, other numbers Decimal). Of a list
    call it has `data` and `has_more`."""

    object: dict[str, Any]


class Declined(_Heard, frozen=True):
    """The payment was refused by the bank, by Stripe's rules or for want of the customer (`authentication_required`).
    The codes are Stripe's (docs.stripe.com/declines); `payment_intent` is the object as it is now."""

    code: str | None
    decline_code: str | None = None
    advice_code: str | None = None
    message: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    payment_intent_id: str | None = None
    charge_id: str | None = None
    payment_method_id: str | None = None
    payment_intent: dict[str, Any] | None = None


Problem = Literal["invalid", "missing", "authentication", "permission"]


class Refused(_Heard, frozen=True):
    """`problem`: what kind of wrong it is; `missing` is an object that does not exist. `payment_intent` where Stripe
    sent one along: a confirm of what has succeeded already is refused (`payment_intent_unexpected_state`) with it."""

    problem: Problem
    message: str
    code: str | None = None
    param: str | None = None
    payment_intent: dict[str, Any] | None = None


class Limited(_Heard, frozen=True):
    """Stripe turned it away unworked (rate limit, lock timeout), or no connection could be made. `retry_after_s`: what
    Stripe asks for, if it does."""

    reason: str
    retry_after_s: float | None = None


class Conflict(_Heard, frozen=True):
    """`in_flight`: another request with this idempotency key is being worked right now. `other_parameters`: the key was
    used with other parameters before, and this request was not worked."""

    problem: Literal["in_flight", "other_parameters"]
    message: str


class Unknown(_Heard, frozen=True):
    """No answer that can be trusted came: a timeout, a cut line, an unreadable answer, a 5xx. It may have been done."""

    reason: str
    status: int | None = None


Outcome = Succeeded | Declined | Refused | Limited | Conflict | Unknown
