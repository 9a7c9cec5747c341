"""An attempt to charge as one worker holds it: claimed, written down step by step, settled (C6).

Every claim counts the attempt's fence up and holds it for a lease; who lost it (a frozen worker, a killed one) writes
nothing any more. Nothing here asks Stripe.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from handlers import attempts, recurring
from handlers.attempts import CREATED, OPEN, SENT, UNKNOWN
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
from worker.context import Context
from worker.errors import Transient, classify
from worker.logs import said
from worker.store import accounts, charge_attempts, connections, orders, recurring_orders
from worker.store.accounts import Account
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled, acquire, transaction

log = structlog.get_logger("charging")

LEASE_S = 120
"""How long a claim holds: longer than two calls to Stripe take."""
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


class Claims:
    """Takes attempts for one worker process, and writes down what becomes of them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def take(self, account_id: str, id_: str) -> Claim | None:
        """Take what is due of a recurring order: its open attempt, or one that is armed now; None where nothing is to
        be done now."""
        try:
            async for attempt in _patiently():
                with attempt:
                    try:
                        async with transaction(self._ctx.pool) as connection:
                            return await self._claim(connection, account_id, id_)
                    except Exception as error:
                        raise classify(error) from error
        except Exception as error:
            if not isinstance(error, Transient):  # it stands in nobody's way until it is mended
                async with transaction(self._ctx.pool) as connection:
                    later = self.now() + timedelta(seconds=BROKEN_S)
                    await recurring_orders.postpone(connection, account_id, id_, later)
            raise
        raise AssertionError("unreachable")

    async def _claim(self, connection: Pooled, account_id: str, id_: str) -> Claim | None:
        """Take the open attempt, or arm one where a payment is due; None where there is nothing to do now."""
        now = self.now()
        order = await recurring_orders.hold_if_free(connection, account_id, id_)
        if order is None or order.managed_by == ManagedBy.STRIPE or order.connection_id is None:
            return None
        account = await accounts.get(connection, account_id)
        source = await connections.source_of(connection, account_id, order.connection_id)
        allowed = _is_allowed(account)
        keyed = stripe_connection.can(self._ctx.settings, source.connection)
        if keyed and order.livemode != stripe_connection.is_live(self._ctx.settings):
            keyed = False  # a test Stripe, or a stand-in, knows nothing of what a live one was asked for
            await recurring_orders.postpone(connection, account_id, id_, now + timedelta(seconds=KEY_S))
        attempt = await charge_attempts.hold_open(connection, account_id, id_)
        if attempt is None:
            due_at = order.plan.due_at
            if due_at is None or due_at > micros(now) or not (allowed and keyed):
                return None
            if order.plan.order_id and await orders.is_void(connection, account_id, order.plan.order_id):
                plan = recurring.skipped(order.plan, micros(now))
                await recurring_orders.save(connection, account_id, [msgspec.structs.replace(order, plan=plan)])
                return None
            armed, attempt = await arm(connection, account, order, AttemptKind.SCHEDULED, micros(now))
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
            until=asyncio.get_running_loop().time() + LEASE_S, fresh=attempt.state is CREATED, allowed=allowed,
            look=not young and attempt.payment_intent_id is None,
            stray=attempt.state is not CREATED and order.plan.attempt_id != attempt.id,
        )  # fmt: skip

    async def keep(self, claim: Claim, **changes: Any) -> Attempt | None:
        """Write down what is known of a claimed attempt; None where it is not ours any more."""
        async with transaction(self._ctx.pool) as connection:
            await recurring_orders.hold(connection, claim.account_id, [claim.attempt.recurring_order_id])
            held = await _ours(connection, claim)
            return await _save(connection, claim.account_id, held, **changes) if held else None

    async def later(self, claim: Claim, seconds: float, **changes: Any) -> None:
        """Let somebody go on after this time."""
        at = self.now() + timedelta(seconds=seconds)
        await self.keep(claim, next_check_at=at, lease_until=None, checks=claim.attempt.checks + 1, **changes)

    async def sending(self, claim: Claim, intent_id: str) -> Claim | None:
        """Note the payment intent, and that money is about to be asked for: the last look at whether it still should
        be, under the lock that a pause takes. None where it should not."""
        async with transaction(self._ctx.pool) as connection:
            owner = claim.attempt.recurring_order_id
            order = (await recurring_orders.hold(connection, claim.account_id, [owner]))[owner]
            held = await _ours(connection, claim)
            if held is None or order.plan.attempt_id != held.id:
                return None
            now = self.now()
            if await orders.is_void(connection, claim.account_id, held.order_id):
                taken_back = Outcome(state=AttemptState.ABANDONED, reason="the order was voided")
                await settle.settle(connection, claim.account_id, {owner}, {held.id: taken_back}, micros(now))
                return None
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

    async def is_over(self, claim: Claim) -> bool:
        """Whether the attempt was taken back meanwhile."""
        async with acquire(self._ctx.pool) as connection:
            found = await charge_attempts.get(connection, claim.account_id, claim.attempt.id)
        return found is not None and found.state is AttemptState.ABANDONED

    async def end(self, claim: Claim, outcome: Outcome) -> None:
        """Settle an attempt of which no payment intent tells."""
        async with transaction(self._ctx.pool) as connection:
            owner = claim.attempt.recurring_order_id
            await recurring_orders.hold(connection, claim.account_id, [owner])
            if await _ours(connection, claim):
                now = micros(self.now())
                await settle.settle(connection, claim.account_id, {owner}, {claim.attempt.id: outcome}, now)

    async def record(self, claim: Claim, intent: dict[str, Any]) -> None:
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
            await self.later(claim, attempts.pause_s(claim.attempt.checks), state=UNKNOWN)
            return
        slow = intent.get("status") == "processing"  # where it is not settled: another time
        await self.later(claim, PROCESSING_S if slow else attempts.pause_s(claim.attempt.checks))

    async def _fold(self, claim: Claim, intent: dict[str, Any]) -> None:
        now = self.now()
        reading = answered(intent, claim.source, micros(now), claim.attempt.id)
        if not isinstance(reading, Reading):
            return
        async with transaction(self._ctx.pool) as connection:
            woken = await batch.state(connection, claim.account_id, reading, micros(now), ACTOR)
        told.woken(claim.account_id, woken, self._ctx.clock())

    def now(self) -> datetime:
        return moment(int(self._ctx.clock() * 1_000_000))


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


def _patiently() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(Transient), stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.02, max=1), reraise=True,
    )  # fmt: skip
