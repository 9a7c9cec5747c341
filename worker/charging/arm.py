"""Arming: the order of a cycle and the attempt to charge it, in one transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from handlers import attempts, money, recurring, wishes
from handlers.reading import moment
from schemas.fact import Dossier
from schemas.order import OrderSource, OrderType
from schemas.recurring import AttemptKind, AttemptState
from worker.actions import naming
from worker.actions.orders import stated, write_new
from worker.ids import new_id
from worker.store import charge_attempts, templates
from worker.store.accounts import Account
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled
from worker.store.recurring_orders import RecurringOrder

ORIGIN = "recurring"
ACTOR = "daybook"


async def arm(
    connection: Pooled, account: Account, found: RecurringOrder, kind: AttemptKind, now: int
) -> tuple[RecurringOrder, Attempt]:
    """The recurring order, which is held, with an attempt of its due cycle, whose order is made where there is none.
    The caller saves it."""
    cycle = recurring.to_arm(found.plan, now)
    order_id = found.plan.order_id or await _make_order(connection, account, found, cycle, now)
    attempt = _attempt(found, order_id, cycle, kind, now)
    number = await charge_attempts.count(connection, account.id, found.id, cycle) + 1
    attempt = msgspec.structs.replace(attempt, number=number)
    await charge_attempts.add(connection, account.id, attempt)
    plan = recurring.armed(found.plan, attempt.id, order_id, cycle, now)
    return msgspec.structs.replace(found, plan=plan), attempt


def _attempt(found: RecurringOrder, order_id: str, cycle: int, kind: AttemptKind, now: int) -> Attempt:
    if found.amount is None or found.currency is None or found.connection_id is None:
        raise ValueError("this recurring order is not charged by Daybook")
    id_, at = new_id(), moment(now)
    return Attempt(
        id=id_, recurring_order_id=found.id, cycle=cycle, number=0, order_id=order_id, kind=kind,
        state=AttemptState.CREATED, connection_id=found.connection_id, amount=found.amount, currency=found.currency,
        parameters=_parameters(found, id_, order_id, cycle), created_at=at, next_check_at=at,
    )  # fmt: skip


def _parameters(found: RecurringOrder, attempt_id: str, order_id: str, cycle: int) -> dict[str, Any]:
    """What Stripe is asked with. The metadata names the order, so that the webhooks of this payment join it, and the
    attempt, so that its intent can be found. The confirm names no payment method: a declined intent has lost its own,
    so a confirm that comes late, or twice, is no second try."""
    make = {
        "amount": money.to_stripe(found.amount or 0, found.currency or "", "amount"),
        "currency": (found.currency or "").lower(),
        "customer": found.stripe_customer_id,
        "payment_method": found.stripe_payment_method_id,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "description": found.title,
        "metadata": {
            "order_id": order_id, "daybook_attempt": attempt_id, "daybook_recurring_order": found.id,
            "daybook_cycle": str(cycle + 1),
        },
    }  # fmt: skip
    return {attempts.MAKE: make, attempts.CONFIRM: {"off_session": True}}


async def _make_order(connection: Pooled, account: Account, found: RecurringOrder, cycle: int, now: int) -> str:
    """The order of a cycle, made as every order is; its external id names the cycle, so there is one of it."""
    template = await templates.get(connection, account.id, OrderType.SALE)
    wish: dict[str, Any] = {
        "title": found.title, "contact_id": found.contact_id, "offer_id": found.offer_id, "owner_id": found.owner_id,
        "external_id": f"{found.id}:{cycle + 1}", "items": list(found.items), "ordered_at": now,
    }  # fmt: skip
    names = await naming.names(connection, account, template, wish, now)
    sequence = await naming.number(connection, account, template)
    if sequence is not None:
        names = {**names, "sequence": sequence}
    hand = wishes.created(
        wish, now=now, origin=ORIGIN, source=OrderSource.PAYMENTS, currency=found.currency or account.currency,
        template=template, names=names,
    )  # fmt: skip
    hand = msgspec.structs.replace(hand, recurring_order_id=found.id, livemode=found.livemode)
    order_id = new_id()
    await write_new(connection, account.id, {order_id: stated(Dossier(), order_id, hand, now, ACTOR)}, now, ACTOR)
    return order_id
