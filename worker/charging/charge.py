"""Charging one recurring order: claim its attempt, ask Stripe with no transaction open, record what it says (C6).

**What Stripe was asked for once is never asked anew before it was looked up**, and a payment intent pays once, however
often it is confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from handlers import attempts, declines
from handlers.attempts import CONFIRM, MAKE, UNKNOWN
from handlers.reading import moment
from schemas.provider import Source
from schemas.recurring import AttemptState, Outcome
from worker.charging.claim import KEY_S, Claim, Claims
from worker.charging.pace import Pace
from worker.context import Context
from worker.outside import stripe as outside
from worker.outside.outcome import Conflict, Declined, Limited, Refused, Succeeded, Unknown
from worker.outside.stripe import Stripe
from worker.store.charge_attempts import Attempt

log = structlog.get_logger("charging")

MARGIN_S = 40
"""A call is begun only while so much of the lease is left: longer than a call takes."""
_NEXT_KEY = moment(0)
"""As the time at which an attempt's keys were first sent: they are of no use any more. Before the next are taken,
Stripe is asked what was done under them."""


class Charger:
    """Charges for one worker process."""

    def __init__(self, ctx: Context, stripe: Stripe | None = None) -> None:
        self.claims = Claims(ctx)
        self._stripe = stripe or outside.of(ctx.settings)
        self._pace = Pace(ctx.settings.charges_at_once, ctx.settings.charges_per_s)

    async def close(self) -> None:
        if self._stripe:
            await self._stripe.close()

    async def charge(self, account_id: str, recurring_ids: Sequence[str]) -> None:
        """Do what is due for these recurring orders, if anything is: charge, go on with it, ask what came of it."""
        for id_ in recurring_ids:
            async with self._pace.place():
                claim = await self.claims.take(account_id, id_) if self._stripe else None
                if claim is not None and self._stripe is not None:
                    await self._advance(self._stripe, claim)

    async def _advance(self, stripe: Stripe, claim: Claim) -> None:
        intent_id = claim.attempt.payment_intent_id
        if intent_id is None:
            intent_id = await self._found(stripe, claim) if claim.look else await self._made(stripe, claim)
        elif not claim.fresh:
            await self._ask(stripe, claim, intent_id)
            return
        if intent_id and (sending := await self.claims.sending(claim, intent_id)):
            await self._confirm(stripe, sending)
        elif intent_id and await self.claims.is_over(claim):
            await self._drop(stripe, claim.attempt, intent_id)

    async def _drop(self, stripe: Stripe, attempt: Attempt, intent_id: str) -> None:
        """Cancel an intent that will never be confirmed, so that nobody waits for it. It may fail."""
        key = attempts.key(attempt.id, "drop", attempt.key_round)
        await stripe.cancel_payment_intent(intent_id, {"cancellation_reason": "abandoned"}, key=key)

    async def _made(self, stripe: Stripe, claim: Claim) -> str | None:
        """Make the payment intent, which moves no money; its id, or None where another time is better."""
        attempt = claim.attempt
        key = attempts.key(attempt.id, MAKE, attempt.key_round)
        answer = await stripe.create_payment_intent(attempt.parameters[MAKE], key=key)
        match answer:
            case Succeeded(object=intent) if isinstance(intent.get("id"), str):
                return str(intent["id"])
            case Limited(retry_after_s=wait):
                await self.claims.later(claim, max(wait or 0, attempts.pause_s(attempt.checks)))
            case Refused():
                await self.claims.end(claim, _refusal(answer))
            case Declined():
                await self.claims.end(claim, _decline(answer))
            case Conflict(problem="other_parameters"):  # the key is of no use any more: look, then take the next one
                await self.claims.later(claim, 0, keyed_at=_NEXT_KEY)
            case Unknown(replayed=True):  # that request has ended, and left no answer: see what it has done
                await self.claims.later(claim, attempts.pause_s(attempt.checks), keyed_at=_NEXT_KEY)
            case _:
                await self.claims.later(claim, attempts.pause_s(attempt.checks))
        return None

    async def _found(self, stripe: Stripe, claim: Claim) -> str | None:
        """An intent that was made under keys which are too old to be sent again, looked up by its metadata; a new one
        where there is none."""
        attempt, after = claim.attempt, None
        since = attempt.created_at - timedelta(hours=1)
        for _ in range(10):
            page = await stripe.list_payment_intents(customer=claim.customer, created_from=since, after=after)
            if not isinstance(page, Succeeded):
                await self.claims.later(claim, attempts.pause_s(attempt.checks), keyed_at=_NEXT_KEY)
                return None
            listed = page.object["data"]
            for intent in listed:
                if (intent.get("metadata") or {}).get("daybook_attempt") == attempt.id:
                    return str(intent["id"])
            if not page.object.get("has_more") or not listed:
                break
            after = listed[-1]["id"]
        return await self._made(stripe, claim)

    async def _confirm(self, stripe: Stripe, claim: Claim) -> None:
        """Ask for the money."""
        attempt = claim.attempt
        if attempt.payment_intent_id is None or asyncio.get_running_loop().time() > claim.until - MARGIN_S:
            return  # frozen for so long that somebody else may be at it: the lease ends by itself
        key = attempts.key(attempt.id, CONFIRM, attempt.key_round)
        answer = await stripe.confirm_payment_intent(attempt.payment_intent_id, attempt.parameters[CONFIRM], key=key)
        match answer:
            case Succeeded(object=intent) | Declined(payment_intent=dict() as intent):
                await self.claims.record(claim, intent)
            case Declined():
                await self.claims.record(claim, _declined_intent(attempt, claim.source, answer, stripe.livemode))
            case Refused() if claim.fresh and answer.payment_intent is None:
                await self.claims.end(claim, _refusal(answer))
                await self._drop(stripe, attempt, attempt.payment_intent_id)
            case Refused():  # it has succeeded already, say: what it is now decides
                await self._ask(stripe, msgspec.structs.replace(claim, allowed=False), attempt.payment_intent_id)
            case Limited(retry_after_s=wait):
                await self.claims.later(claim, max(wait or 0, attempts.pause_s(attempt.checks)))
            case Conflict(problem="other_parameters"):
                await self.claims.later(claim, 0, keyed_at=_NEXT_KEY)
            case Conflict():
                await self.claims.later(claim, attempts.pause_s(attempt.checks))
            case Unknown():
                await self._unknown(claim, answer)

    async def _unknown(self, claim: Claim, answer: Unknown) -> None:
        log.warning(
            "charge_unknown", account=claim.account_id, recurring_order=claim.attempt.recurring_order_id,
            attempt=claim.attempt.id, payment_intent=claim.attempt.payment_intent_id, reason=answer.reason,
        )  # fmt: skip
        changes = {"keyed_at": _NEXT_KEY} if answer.replayed else {}  # that request has ended: see what it has done
        await self.claims.later(claim, attempts.pause_s(claim.attempt.checks), state=UNKNOWN, **changes)

    async def _ask(self, stripe: Stripe, claim: Claim, intent_id: str) -> None:
        """Ask what came of an attempt that was sent. Where Stripe never began with it, it is sent again: under the same
        keys while they are young, and to the same intent, which pays once."""
        answer = await stripe.retrieve_payment_intent(intent_id)
        match answer:
            case Succeeded(object=intent) if intent.get("status") == "requires_confirmation" and claim.stray:
                await self._drop(stripe, claim.attempt, intent_id)
                await self.claims.later(claim, 0)
            case Succeeded(object=intent) if intent.get("status") == "requires_confirmation" and claim.allowed:
                await self._confirm(stripe, claim)
            case Succeeded(object=intent):
                await self.claims.record(claim, intent)
            case _:  # nobody knows
                wait = answer.retry_after_s if isinstance(answer, Limited) else None
                pause = max(wait or 0, attempts.pause_s(claim.attempt.checks))
                await self.claims.later(claim, pause, state=UNKNOWN)


def _refusal(answer: Refused) -> Outcome:
    """Stripe did not try, and will not before a person has mended something: the key, or this customer."""
    ours = answer.problem in ("authentication", "permission")
    return Outcome(
        state=AttemptState.ABANDONED, code=answer.code or answer.problem, refused=True, again_s=KEY_S if ours else None,
        reason=f"Stripe refused to try: {answer.message}"[:500],
    )  # fmt: skip


def _decline(answer: Declined) -> Outcome:
    code = answer.decline_code or answer.code
    return Outcome(
        state=AttemptState.DECLINED, code=code, reason=declines.reason(code, answer.message),
        final=declines.is_final(code, answer.advice_code),
    )  # fmt: skip


def _declined_intent(attempt: Attempt, source: Source, answer: Declined, livemode: bool) -> dict[str, Any]:
    """The payment intent as the decline that came without it leaves it."""
    make = attempt.parameters[MAKE]
    error = {
        "code": answer.code, "decline_code": answer.decline_code, "advice_code": answer.advice_code,
        "message": answer.message,
    }  # fmt: skip
    return {
        "id": attempt.payment_intent_id, "object": "payment_intent", "status": "requires_payment_method",
        "amount": make["amount"], "currency": make["currency"], "customer": make["customer"],
        "metadata": make["metadata"], "created": int(attempt.created_at.timestamp()), "livemode": livemode,
        "last_payment_error": error,
    }  # fmt: skip
