"""Settling: what the payments of a cycle's order say decides its attempts, and the recurring order with them.

Called by the transaction that saves the orders, whether a webhook or an answer of Stripe's changed them: there is no
other way for an attempt to succeed or be declined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import structlog

from handlers import attempts, recurring
from handlers.reading import moment
from schemas.feed import EventType
from schemas.order import Order
from schemas.recurring import AttemptState, Outcome, RecurringStatus
from worker import metrics
from worker.feed import outbox
from worker.store import accounts, charge_attempts, recurring_orders
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled
from worker.store.recurring_orders import RecurringOrder

log = structlog.get_logger("charging")
TOLD = {
    RecurringStatus.PAUSED: EventType.RECURRING_PAUSED,
    RecurringStatus.COMPLETED: EventType.RECURRING_COMPLETED,
    RecurringStatus.FAILED: EventType.RECURRING_FAILED,
}


async def heard(connection: Pooled, account_id: str, orders: Mapping[str, Order], now: int) -> None:
    """Settle the attempts whose payments these orders (by id, saved and locked) hold."""
    said: dict[str, Outcome] = {}
    for order in orders.values():
        for payment in order.payments:
            outcome = attempts.outcome_of(payment)
            if outcome and ":pi_" in payment.key:
                said[payment.key.rsplit(":", 1)[1]] = outcome
    found = await charge_attempts.of_intents(connection, account_id, said) if said else []
    news = {
        attempt.id: said[attempt.payment_intent_id]
        for attempt in found
        if attempt.payment_intent_id and _is_news(attempt, said[attempt.payment_intent_id])
    }
    if news:
        owners = {attempt.recurring_order_id for attempt in found if attempt.id in news}
        await settle(connection, account_id, owners, news, now)


def _is_news(attempt: Attempt, outcome: Outcome) -> bool:
    if attempt.state is AttemptState.DECLINED and outcome.state is AttemptState.DECLINED:
        return outcome.final and not attempt.final
    return attempts.may(attempt.state, outcome.state)


async def settle(
    connection: Pooled, account_id: str, recurring_ids: set[str], news: Mapping[str, Outcome], now: int
) -> None:
    """Let these attempts (by id) have come to these outcomes. Nothing that is settled is unsettled, save that money
    which came after all is never denied."""
    orders = await recurring_orders.hold(connection, account_id, recurring_ids)
    open_ids = {order.plan.attempt_id for order in orders.values() if order.plan.attempt_id}
    held = await charge_attempts.hold(connection, account_id, {*news, *open_ids})
    intervals_s = (await accounts.get(connection, account_id)).retry_intervals_s
    changed: dict[str, Attempt] = {}
    after = dict(orders)
    for attempt in sorted(held.values(), key=lambda attempt: (attempt.cycle, attempt.number)):
        if attempt.id not in news or not _is_news(attempt, news[attempt.id]):
            continue
        outcome, order = news[attempt.id], after[attempt.recurring_order_id]
        changed[attempt.id] = ended(attempt, outcome, now)
        current = order.plan.attempt_id == attempt.id
        if not current and order.plan.attempt_id and outcome.state is not AttemptState.SUCCEEDED:
            continue  # the next try is under way already
        plan = recurring.settled(
            order.plan, outcome, kind=attempt.kind, cycle=attempt.cycle, current=current, now=now,
            intervals_s=intervals_s,
        )  # fmt: skip
        other = order.plan.attempt_id
        if other and plan.attempt_id is None and other != attempt.id and held[other].state is AttemptState.CREATED:
            changed[other] = revoked(held[other], now)
        after[order.id] = msgspec.structs.replace(order, plan=plan)
        _said(account_id, changed[attempt.id])
    await charge_attempts.save(connection, account_id, changed.values())
    moved = [order for id_, order in after.items() if order.plan != orders[id_].plan]
    await recurring_orders.save(connection, account_id, moved)
    for order in sorted(moved, key=lambda order: order.id):
        await tell(connection, account_id, order.id, _events(orders[order.id], order, news, held))


def ended(attempt: Attempt, outcome: Outcome, now: int) -> Attempt:
    """The attempt with its outcome. Whoever had claimed it can settle nothing any more."""
    return msgspec.structs.replace(
        attempt, state=outcome.state, final=outcome.final, refused=outcome.refused, code=outcome.code,
        reason=outcome.reason, settled_at=moment(now), next_check_at=None, lease_until=None, fence=attempt.fence + 1,
    )  # fmt: skip


def revoked(attempt: Attempt, now: int) -> Attempt:
    """An attempt that was never sent, taken back."""
    return ended(attempt, Outcome(state=AttemptState.ABANDONED, reason="taken back before it was sent"), now)


def _events(
    before: RecurringOrder, after: RecurringOrder, news: Mapping[str, Outcome], held: Mapping[str, Attempt]
) -> list[EventType]:
    outcomes = {news[id_].state for id_ in news if id_ in held and held[id_].recurring_order_id == after.id}
    told = []
    if AttemptState.SUCCEEDED in outcomes:
        told.append(EventType.RECURRING_PAID)
    elif AttemptState.DECLINED in outcomes:
        told.append(EventType.RECURRING_DECLINED)
    if after.plan.status is not before.plan.status and after.plan.status in TOLD:
        told.append(TOLD[after.plan.status])
    return told


async def tell(connection: Pooled, account_id: str, id_: str, types: Sequence[EventType]) -> None:
    """Put into the outbox what happened to a recurring order, which is saved."""
    if types:
        await outbox.tell_recurring(connection, account_id, id_, types)


def _said(account_id: str, attempt: Attempt) -> None:
    metrics.charges.labels(attempt.state).inc()
    log.info(
        "charge_settled", account=account_id, recurring_order=attempt.recurring_order_id, attempt=attempt.id,
        order=attempt.order_id, state=attempt.state, code=attempt.code,
    )  # fmt: skip
