"""One try to charge a cycle: which way it may go, and which idempotency key it is sent under (C6, the third rule).

An attempt is two calls to Stripe. The first makes a payment intent, which moves no money; its id is stored, and the
attempt is `sent`. The second confirms that intent. So what came of it can always be asked for by the intent's id, and
an intent pays once, whatever is sent to it: it is the last guard behind the idempotency keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from handlers import declines
from schemas.order import PaymentRow
from schemas.recurring import AttemptState, Outcome

CREATED, SENT, UNKNOWN, SUCCEEDED, DECLINED, ABANDONED = AttemptState
OPEN = (CREATED, SENT, UNKNOWN)
MOVES: Mapping[AttemptState, tuple[AttemptState, ...]] = {
    CREATED: (SENT, SUCCEEDED, DECLINED, ABANDONED),
    SENT: (UNKNOWN, SUCCEEDED, DECLINED, ABANDONED),
    UNKNOWN: (SUCCEEDED, DECLINED, ABANDONED),
    DECLINED: (SUCCEEDED,),  # money that came after all is never denied
    ABANDONED: (SUCCEEDED,),
    SUCCEEDED: (),
}
KEY_AGE_S = 20 * 3600
"""Stripe may forget a key after 24 hours, and would take the next request under it for a new one."""
CHECKS_S = (5, 30, 120, 600, 3600)
"""Seconds until Stripe is asked what came of an attempt: after the first time, the second, ...; the last repeats."""
MAKE, CONFIRM = "make", "confirm"


def may(state: AttemptState, to: AttemptState) -> bool:
    return to in MOVES[state]


def key(attempt_id: str, step: str, round_: int) -> str:
    """The idempotency key of a call: the same for every repeat of it while the key is young."""
    return f"daybook-{attempt_id}-{step}-{round_}"


def is_young(keyed_at_s: float | None, now_s: float) -> bool:
    """Whether the keys that were first sent then may be sent again. None: they were never sent."""
    return keyed_at_s is None or now_s - keyed_at_s < KEY_AGE_S


def pause_s(checks: int) -> int:
    """Seconds until the next question, after so many."""
    return CHECKS_S[min(checks, len(CHECKS_S) - 1)]


def outcome_of(payment: PaymentRow) -> Outcome | None:
    """What the facts of an attempt's payment say of it; None while they say nothing final. The one way in which
    answers and webhooks are read."""
    if payment.status == "succeeded":
        return Outcome(state=SUCCEEDED)
    if payment.status == "failed":
        final = declines.is_final(payment.failure_code, payment.advice)
        return Outcome(state=DECLINED, code=payment.failure_code, reason=payment.failure_reason, final=final)
    if payment.status == "requires_action":
        code = "authentication_required"
        return Outcome(state=DECLINED, code=code, reason=declines.reason(code, None), final=True)
    if payment.status == "canceled":
        return Outcome(state=DECLINED, code="canceled", reason="the payment was canceled at Stripe")
    return None
