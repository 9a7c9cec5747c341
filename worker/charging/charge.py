"""Charging one recurring order: claim its attempt, ask Stripe with no transaction open, record what it says (C6).

Every claim counts the attempt's fence up and holds it for a lease; who lost it (a frozen worker, a killed one) writes
nothing any more. **What Stripe was asked for once is never asked anew before it was looked up**, and a payment intent
pays once, however often it is confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from handlers import attempts, declines
from handlers.attempts import CONFIRM, CREATED, MAKE, OPEN, SENT, UNKNOWN
from handlers.providers.stripe import answered
from handlers.reading import micros, moment
from schemas.fact import Reading
from schemas.order import ManagedBy
from schemas.provider import Source
from schemas.recurring import AttemptKind, AttemptState, Outcome
from worker.apply import batch, told
from worker.charging import connection as stripe_connection
from worker.charging import settle
from worker.charging.arm import ACTOR, arm
from worker.charging.pace import Pace
from worker.context import Context
from worker.errors import Transient, classify
from worker.logs import said
from worker.outside import stripe as outside
from worker.outside.outcome import Conflict, Declined, Limited, Refused, Succeeded, Unknown
from worker.outside.stripe import Stripe
from worker.store import accounts, charge_attempts, connections, recurring_orders
from worker.store.accounts import Account
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled, acquire, transaction

log = structlog.get_logger("charging")

LEASE_S = 120
"""How long a claim holds: longer than two calls to Stripe take."""
MARGIN_S = 40
"""A call is begun only while so much of the lease is left: longer than a call takes."""
OFF_S = 60
"""When to look again while charging is stopped, or the account's registry is off."""
BROKEN_S = 300
"""When to try again to arm what could not be armed."""
KEY_S = 900
"""When to try again where Stripe refuses the API key, or it is a test key and the recurring order is live: once it is
mended, all that is due should not wait for long."""
PROCESSING_S = 3600
"""When to ask again about a payment that takes days by its nature; a webhook is faster."""
_TRIES = 4
_NEXT_KEY = moment(0)
"""As the time at which an attempt's keys were first sent: they are of no use any more. Before the next are taken,
Stripe is asked what was done under them."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that is ours until `until` (of the loop's clock). `fresh`: nothing was sent before this claim that
    could have moved money; `allowed`: money may be moved; `look`: an intent of it may exist though its id is not known;
    `stray`: its recurring order does not wait for it any more, since its cycle was paid by another."""

    account_id: str
    attempt: Attempt
    source: Source
    customer: str
    until: float
    fresh: bool
    allowed: bool
    look: bool
    stray: bool


class Charger:
    """Charges for one worker process."""

    def __init__(self, ctx: Context, stripe: Stripe | None = None) -> None:
        self._ctx = ctx
        self._stripe = stripe or outside.of(ctx.settings)
        self._pace = Pace(ctx.settings.charges_at_once, ctx.settings.charges_per_s)

    async def close(self) -> None:
        if self._stripe:
            await self._stripe.close()

    async def charge(self, account_id: str, recurring_ids: Sequence[str]) -> None:
        """Do what is due for these recurring orders, if anything is: charge, go on with it, ask what came of it."""
        for id_ in recurring_ids:
            async with self._pace.place():
                try:
                    claim = await self._repeated(account_id, id_)
                except Exception as error:
                    if not isinstance(error, Transient):  # it stands in nobody's way until it is mended
                        async with transaction(self._ctx.pool) as connection:
                            later = self._now() + timedelta(seconds=BROKEN_S)
                            await recurring_orders.postpone(connection, account_id, id_, later)
                    raise
                if claim is not None and self._stripe is not None:
                    await self._advance(self._stripe, claim)

    # What is in PostgreSQL

    async def _repeated(self, account_id: str, id_: str) -> Claim | None:
        async for attempt in _patiently():
            with attempt:
                try:
                    async with transaction(self._ctx.pool) as connection:
                        return await self._claim(connection, account_id, id_)
                except Exception as error:
                    raise classify(error) from error
        raise AssertionError("unreachable")

    async def _claim(self, connection: Pooled, account_id: str, id_: str) -> Claim | None:
        """Take the open attempt, or arm one where a payment is due; None where there is nothing to do now."""
        now = self._now()
        order = await recurring_orders.hold_if_free(connection, account_id, id_)
        if order is None or order.managed_by == ManagedBy.STRIPE or order.connection_id is None:
            return None
        account = await accounts.get(connection, account_id)
        source = await connections.source_of(connection, account_id, order.connection_id)
        allowed = _is_allowed(account)
        keyed = self._stripe is not None and stripe_connection.can(self._ctx.settings, source.connection)
        if keyed and order.livemode != stripe_connection.is_live(self._ctx.settings):
            keyed = False  # a test Stripe, or a stand-in, knows nothing of what a live one was asked for
            await recurring_orders.postpone(connection, account_id, id_, now + timedelta(seconds=KEY_S))
        attempt = await charge_attempts.hold_open(connection, account_id, id_)
        if attempt is None:
            due_at = order.plan.due_at
            if due_at is None or due_at > micros(now) or not (allowed and keyed):
                return None
            kind = AttemptKind.SCHEDULED
            armed, attempt = await arm(connection, account, order, kind, micros(now))
            await recurring_orders.save(connection, account_id, [armed])
        elif attempt.next_check_at is None or attempt.next_check_at > now:
            return None
        elif not keyed or (attempt.state is CREATED and not allowed):
            await _save(connection, account_id, attempt, next_check_at=now + timedelta(seconds=OFF_S))
            return None
        young = attempts.is_young(attempt.keyed_at.timestamp() if attempt.keyed_at else None, now.timestamp())
        lease = now + timedelta(seconds=LEASE_S)
        claimed = await _save(
            connection, account_id, attempt, fence=attempt.fence + 1, lease_until=lease, next_check_at=lease,
            key_round=attempt.key_round + (not young), keyed_at=(young and attempt.keyed_at) or now,
        )  # fmt: skip
        return Claim(
            account_id=account_id, attempt=claimed, source=source, customer=order.stripe_customer_id or "",
            until=self._clock() + LEASE_S, fresh=attempt.state is CREATED, allowed=allowed,
            look=not young and attempt.payment_intent_id is None,
            stray=attempt.state is not CREATED and order.plan.attempt_id != attempt.id,
        )  # fmt: skip

    async def _keep(self, claim: Claim, **changes: Any) -> Attempt | None:
        """Write down what is known of a claimed attempt; None where it is not ours any more."""
        async with transaction(self._ctx.pool) as connection:
            await recurring_orders.hold(connection, claim.account_id, [claim.attempt.recurring_order_id])
            held = await _ours(connection, claim)
            return await _save(connection, claim.account_id, held, **changes) if held else None

    async def _later(self, claim: Claim, seconds: float, **changes: Any) -> None:
        """Let somebody go on after this time."""
        at = self._now() + timedelta(seconds=seconds)
        await self._keep(claim, next_check_at=at, lease_until=None, checks=claim.attempt.checks + 1, **changes)

    async def _sending(self, claim: Claim, intent_id: str) -> Claim | None:
        """Note the payment intent, and that money is about to be asked for: the last look at whether it still should
        be, under the lock that a pause takes. None where it should not."""
        async with transaction(self._ctx.pool) as connection:
            owner = claim.attempt.recurring_order_id
            order = (await recurring_orders.hold(connection, claim.account_id, [owner]))[owner]
            held = await _ours(connection, claim)
            if held is None or order.plan.attempt_id != held.id:
                return None
            now = self._now()
            if not _is_allowed(await accounts.get(connection, claim.account_id)):
                await _save(
                    connection, claim.account_id, held, payment_intent_id=intent_id, lease_until=None,
                    next_check_at=now + timedelta(seconds=OFF_S),
                )  # fmt: skip
                return None
            sent = await _save(
                connection, claim.account_id, held, payment_intent_id=intent_id, state=SENT, sent_at=now, keyed_at=now
            )
        return msgspec.structs.replace(claim, attempt=sent)

    async def _is_over(self, claim: Claim) -> bool:
        """Whether the attempt was taken back meanwhile."""
        async with acquire(self._ctx.pool) as connection:
            found = await charge_attempts.get(connection, claim.account_id, claim.attempt.id)
        return found is not None and found.state is AttemptState.ABANDONED

    async def _end(self, claim: Claim, outcome: Outcome) -> None:
        """Settle an attempt of which no payment intent tells."""
        async with transaction(self._ctx.pool) as connection:
            owner = claim.attempt.recurring_order_id
            await recurring_orders.hold(connection, claim.account_id, [owner])
            if await _ours(connection, claim):
                now = micros(self._now())
                await settle.settle(connection, claim.account_id, {owner}, {claim.attempt.id: outcome}, now)

    async def _record(self, claim: Claim, intent: dict[str, Any]) -> None:
        """What Stripe says of the payment intent: into the order, as its webhook would, and so into the attempt."""
        try:
            async for attempt in _patiently():
                with attempt:
                    try:
                        await self._fold(claim, intent)
                    except Exception as error:
                        raise classify(error) from error
        except Exception as error:  # noqa: BLE001  (what Stripe says is not lost: it is asked again)
            log.error("charge_unrecorded", attempt=claim.attempt.id, error=type(error).__name__, message=said(error))
            await self._later(claim, attempts.pause_s(claim.attempt.checks), state=UNKNOWN)
            return
        slow = intent.get("status") == "processing"  # where it is not settled: another time
        await self._later(claim, PROCESSING_S if slow else attempts.pause_s(claim.attempt.checks))

    async def _fold(self, claim: Claim, intent: dict[str, Any]) -> None:
        now = self._now()
        reading = answered(intent, claim.source, micros(now), claim.attempt.id)
        if not isinstance(reading, Reading):
            return
        async with transaction(self._ctx.pool) as connection:
            woken = await batch.state(connection, claim.account_id, reading, micros(now), ACTOR)
        told.woken(claim.account_id, woken, self._ctx.clock())

    # What is asked of Stripe

    async def _advance(self, stripe: Stripe, claim: Claim) -> None:
        intent_id = claim.attempt.payment_intent_id
        if intent_id is None:
            intent_id = await self._found(stripe, claim) if claim.look else await self._made(stripe, claim)
        elif not claim.fresh:
            await self._ask(stripe, claim, intent_id)
            return
        if intent_id and (sending := await self._sending(claim, intent_id)):
            await self._confirm(stripe, sending)
        elif intent_id and await self._is_over(claim):
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
                await self._later(claim, max(wait or 0, attempts.pause_s(attempt.checks)))
            case Refused():
                await self._end(claim, _refusal(answer))
            case Declined():
                await self._end(claim, _decline(answer))
            case Conflict(problem="other_parameters"):  # the key is of no use any more: look, then take the next one
                await self._later(claim, 0, keyed_at=_NEXT_KEY)
            case Unknown(replayed=True):  # that request has ended, and left no answer: see what it has done
                await self._later(claim, attempts.pause_s(attempt.checks), keyed_at=_NEXT_KEY)
            case _:
                await self._later(claim, attempts.pause_s(attempt.checks))
        return None

    async def _found(self, stripe: Stripe, claim: Claim) -> str | None:
        """An intent that was made under keys which are too old to be sent again, looked up by its metadata; a new one
        where there is none."""
        attempt, after = claim.attempt, None
        since = attempt.created_at - timedelta(hours=1)
        for _ in range(10):
            page = await stripe.list_payment_intents(customer=claim.customer, created_from=since, after=after)
            if not isinstance(page, Succeeded):
                await self._later(claim, attempts.pause_s(attempt.checks), keyed_at=_NEXT_KEY)
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
        if attempt.payment_intent_id is None or self._clock() > claim.until - MARGIN_S:
            return  # frozen for so long that somebody else may be at it: the lease ends by itself
        key = attempts.key(attempt.id, CONFIRM, attempt.key_round)
        answer = await stripe.confirm_payment_intent(attempt.payment_intent_id, attempt.parameters[CONFIRM], key=key)
        match answer:
            case Succeeded(object=intent) | Declined(payment_intent=dict() as intent):
                await self._record(claim, intent)
            case Declined():
                await self._record(claim, _declined_intent(attempt, claim.source, answer, stripe.livemode))
            case Refused() if claim.fresh and answer.payment_intent is None:
                await self._end(claim, _refusal(answer))
                await self._drop(stripe, attempt, attempt.payment_intent_id)
            case Refused():  # it has succeeded already, say: what it is now decides
                await self._ask(stripe, msgspec.structs.replace(claim, allowed=False), attempt.payment_intent_id)
            case Limited(retry_after_s=wait):
                await self._later(claim, max(wait or 0, attempts.pause_s(attempt.checks)))
            case Conflict(problem="other_parameters"):
                await self._later(claim, 0, keyed_at=_NEXT_KEY)
            case Conflict():
                await self._later(claim, attempts.pause_s(attempt.checks))
            case Unknown():
                await self._unknown(claim, answer)

    async def _unknown(self, claim: Claim, answer: Unknown) -> None:
        log.warning(
            "charge_unknown", account=claim.account_id, recurring_order=claim.attempt.recurring_order_id,
            attempt=claim.attempt.id, payment_intent=claim.attempt.payment_intent_id, reason=answer.reason,
        )  # fmt: skip
        changes = {"keyed_at": _NEXT_KEY} if answer.replayed else {}  # that request has ended: see what it has done
        await self._later(claim, attempts.pause_s(claim.attempt.checks), state=UNKNOWN, **changes)

    async def _ask(self, stripe: Stripe, claim: Claim, intent_id: str) -> None:
        """Ask what came of an attempt that was sent. Where Stripe never began with it, it is sent again: under the same
        keys while they are young, and to the same intent, which pays once."""
        answer = await stripe.retrieve_payment_intent(intent_id)
        match answer:
            case Succeeded(object=intent) if intent.get("status") == "requires_confirmation" and claim.stray:
                await self._drop(stripe, claim.attempt, intent_id)
                await self._later(claim, 0)
            case Succeeded(object=intent) if intent.get("status") == "requires_confirmation" and claim.allowed:
                await self._confirm(stripe, claim)
            case Succeeded(object=intent):
                await self._record(claim, intent)
            case _:  # nobody knows
                wait = answer.retry_after_s if isinstance(answer, Limited) else None
                pause = max(wait or 0, attempts.pause_s(claim.attempt.checks))
                await self._later(claim, pause, state=UNKNOWN)

    def _now(self) -> datetime:
        return moment(int(self._ctx.clock() * 1_000_000))

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


def _is_allowed(account: Account) -> bool:
    return account.registry_enabled and account.charging_stopped_at is None


async def _ours(connection: Pooled, claim: Claim) -> Attempt | None:
    """The attempt, held, if it is still open and nobody has claimed it since. Its recurring order is held."""
    held = (await charge_attempts.hold(connection, claim.account_id, [claim.attempt.id])).get(claim.attempt.id)
    return held if held and held.fence == claim.attempt.fence and held.state in OPEN else None


async def _save(connection: Pooled, account_id: str, attempt: Attempt, **changes: Any) -> Attempt:
    after = msgspec.structs.replace(attempt, **changes)
    await charge_attempts.save(connection, account_id, [after])
    return after


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


def _patiently() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(Transient), stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.02, max=1), reraise=True,
    )  # fmt: skip
