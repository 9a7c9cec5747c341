"""What a person may ask for of recurring orders: make, change, pause, activate, complete early, try now, release."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from handlers import access, money, recurring, summary, wishes
from handlers.errors import Refused, Unmappable
from schemas.account import Actor
from schemas.feed import EventType
from schemas.order import ManagedBy, OrderSource
from schemas.recurring import AttemptKind, AttemptState, Interval, Recurring, RecurringStatus
from schemas.stated import Line
from worker.actions import catalog, references
from worker.actions.orders import given, micros_now
from worker.charging import connection as stripe_connection
from worker.charging import due, holding, settle
from worker.charging.arm import arm
from worker.context import Context
from worker.ids import new_id
from worker.store import accounts, offers, orders, recurring_orders
from worker.store.charge_attempts import Attempt
from worker.store.db import Pooled, transaction
from worker.store.recurring_orders import RecurringOrder

_DAY = 86_400_000_000
_KEPT = ("name", "sku", "quantity", "unit_price", "tax_rate", "discount", "delivery_method", "service")


async def create(ctx: Context, actor: Actor, request: BaseModel) -> str:
    """The id of a new recurring order. Its first payment is due at once unless the request says otherwise.

    Raises Refused: `contact_unknown`, `owner_unknown`, `not_owner`, `connection_unknown`, `invalid`, and what
    `catalog.to_make` refuses.
    """
    wish, now, account_id = given(request), micros_now(ctx), actor.account_id
    within = access.reach(actor)
    wish["owner_id"] = access.owner_of_new(actor, wish.get("owner_id"), "recurring orders")
    async with transaction(ctx.pool) as connection:
        account = await accounts.get(connection, account_id)
        await references.check(connection, within, {name: wish.get(name) for name in ("contact_id", "owner_id")})
        charged_by = await stripe_connection.to_charge(connection, ctx.settings, account_id, wish.get("connection"))
        offered = await offers.to_sell(connection, account_id, wish["offer_id"]) if wish.get("offer_id") else None
        filled = await catalog.to_make(connection, account_id, wish, account.currency)
        title, lines = _billed(filled, offered.name if offered else None)
        interval = wish.get("interval") or (offered.interval if offered else None)
        if interval is None:
            raise Refused(
                "invalid", "It is not said how often it is paid for.", field="interval",
                remedy="Give an interval, or an offer that is recurring.",
            )  # fmt: skip
        anchor = _anchor(wish.get("first_payment_at"), now)
        order = RecurringOrder(
            id=new_id(), title=title, connection_id=charged_by.id, contact_id=wish["contact_id"],
            offer_id=wish.get("offer_id"), owner_id=wish["owner_id"], livemode=charged_by.livemode,
            currency=money.wished_currency(filled["currency"]), amount=_amount(lines, filled["currency"]),
            items=tuple(_item(line) for line in lines), stripe_customer_id=wish["stripe_customer_id"],
            stripe_payment_method_id=wish["stripe_payment_method_id"],
            plan=Recurring(
                status=RecurringStatus.PENDING, anchor_at=anchor, interval=msgspec.convert(interval, Interval),
                timezone=account.timezone, total_payments=wish.get("total_payments"), next_payment_at=anchor,
            ),
        )  # fmt: skip
        await recurring_orders.add(connection, account_id, order)
        await settle.tell(connection, account_id, order.id, [EventType.RECURRING_CREATED])
    due.signal(ctx, account_id, order.id)
    return order.id


def _billed(wish: Mapping[str, Any], offered: str | None) -> tuple[str, tuple[Line, ...]]:
    """Title and lines of each order."""
    items = wish.get("items") or ()
    if not items and wish.get("amount") is None:
        raise Refused(
            "invalid", "It is not said what is billed.", field="amount", remedy="Give an offer_id, items or an amount."
        )
    title = (
        wish.get("title") or offered or next((item["name"] for item in items if item.get("name")), "Recurring order")
    )
    asked = {"title": title, "items": items or None, "amount": wish.get("amount")}
    hand = wishes.created(
        {name: value for name, value in asked.items() if value is not None}, now=0, origin="",
        currency=wish["currency"], source=OrderSource.PAYMENTS,
    )  # fmt: skip
    return title, hand.lines if isinstance(hand.lines, tuple) else ()


def _item(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _KEPT}


def _amount(lines: tuple[Line, ...], currency: str) -> int:
    amount = summary.order_total(lines, ())
    try:
        if amount > 0:
            money.to_stripe(amount, currency, "amount")
            return amount
        problem = "Nothing would be charged: the total is 0."
    except Unmappable as error:
        problem = f"Stripe cannot charge it: {error.problem}."
    raise Refused("invalid", problem, field="amount", remedy="Give prices that Stripe can charge.")


def _anchor(asked: int | None, now: int) -> int:
    if asked is not None and not now - _DAY <= asked <= now + 3660 * _DAY:
        raise Refused(
            "invalid", "The first payment would be more than a day ago, or in more than ten years.",
            field="first_payment_at", remedy="Give the next date on which a payment is due, or leave it out for now.",
        )  # fmt: skip
    return now if asked is None else asked


Step = Callable[[Pooled, RecurringOrder, Attempt | None, int], Awaitable[RecurringOrder]]
"""What is asked for: (connection, the recurring order and its open attempt, both held, now) -> the order after it."""


async def _work(ctx: Context, actor: Actor, id_: str, if_match: int | None, step: Step) -> None:
    """Run a step under the locks, save what it gives, tell of it, and let the charging room look at once."""
    now, account_id, within = micros_now(ctx), actor.account_id, access.reach(actor)
    async with transaction(ctx.pool) as connection:
        if not await recurring_orders.read(connection, within, [id_]):
            raise not_found()
        before = (await recurring_orders.hold(connection, account_id, [id_]))[id_]
        access.check_write(actor, before.owner_id, "recurring orders")
        if if_match is not None and if_match != before.version:
            raise Refused(
                "version", f"It is at version {before.version} now, not {if_match}.",
                remedy="Get it again and repeat the change.",
            )  # fmt: skip
        if before.managed_by == ManagedBy.STRIPE:
            raise Refused(
                "managed_by_stripe", "Stripe manages this subscription; Daybook only shows it.", field="managed_by",
                remedy="Change it at Stripe: its webhook brings the change here.",
            )  # fmt: skip
        attempt = await holding.open_attempt(connection, account_id, before)
        after = await step(connection, before, attempt, now)
        if after != before:
            await recurring_orders.save(connection, account_id, [after])
            await settle.tell(connection, account_id, id_, _told(before.plan.status, after.plan.status))
    due.signal(ctx, account_id, id_)


def not_found() -> Refused:
    return Refused("not_found", "There is no such recurring order.", remedy="Look it up in the list.")


def _told(before: RecurringStatus, after: RecurringStatus) -> list[EventType]:
    if before is after:
        return []
    if before is RecurringStatus.PAUSED and after in (RecurringStatus.ACTIVE, RecurringStatus.PENDING):
        return [EventType.RECURRING_ACTIVATED]
    return [settle.TOLD[after]] if after in settle.TOLD else []


def _is_sent(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.state is not AttemptState.CREATED


async def pause(ctx: Context, actor: Actor, id_: str, if_match: int | None) -> None:
    """Charge it no more until it is activated. A charge that is armed and not sent is taken back; one that was sent
    comes to its end first."""

    async def step(connection: Pooled, found: RecurringOrder, attempt: Attempt | None, now: int) -> RecurringOrder:
        plan = recurring.paused(found.plan, now, sent=_is_sent(attempt))
        await holding.revoke(connection, actor.account_id, attempt, now)
        return msgspec.structs.replace(found, plan=plan)

    await _work(ctx, actor, id_, if_match, step)


async def activate(ctx: Context, actor: Actor, id_: str, if_match: int | None) -> None:
    """Charge it again; what fell due meanwhile is charged now, once."""

    async def step(_: Pooled, found: RecurringOrder, _attempt: Attempt | None, _now: int) -> RecurringOrder:
        return msgspec.structs.replace(found, plan=recurring.activated(found.plan))

    await _work(ctx, actor, id_, if_match, step)


async def complete(ctx: Context, actor: Actor, id_: str, if_match: int | None) -> None:
    """End it before its last payment, for good. As for a pause, what was sent comes to its end first."""

    async def step(connection: Pooled, found: RecurringOrder, attempt: Attempt | None, now: int) -> RecurringOrder:
        plan = recurring.completed(found.plan, now, sent=_is_sent(attempt))
        await holding.revoke(connection, actor.account_id, attempt, now)
        return msgspec.structs.replace(found, plan=plan)

    await _work(ctx, actor, id_, if_match, step)


async def release(ctx: Context, actor: Actor, id_: str, if_match: int | None) -> None:
    """Let what was held back be charged."""

    async def step(_: Pooled, found: RecurringOrder, _attempt: Attempt | None, _now: int) -> RecurringOrder:
        return msgspec.structs.replace(found, plan=msgspec.structs.replace(found.plan, held=False))

    await _work(ctx, actor, id_, if_match, step)


async def charge(ctx: Context, actor: Actor, id_: str, if_match: int | None) -> None:
    """Try the unpaid cycle now. It uses up none of the account's retries. Refused: `under_way`, `not_due`, `state`,
    `charging_stopped`."""

    async def step(connection: Pooled, found: RecurringOrder, _attempt: Attempt | None, now: int) -> RecurringOrder:
        recurring.check_try(found.plan, now)
        if found.plan.order_id and await orders.is_void(connection, actor.account_id, found.plan.order_id):
            raise Refused(
                "not_due", "The order that is due was voided.", field="order_id",
                remedy="Nothing is charged for it; the next payment date stands.",
            )  # fmt: skip
        account = await accounts.get(connection, actor.account_id)
        if account.charging_stopped_at:
            raise Refused(
                "charging_stopped", "All charging is stopped in this account.", field="charging_stopped",
                remedy='Resume it first: PATCH the account with {"charging_stopped": false}.',
            )  # fmt: skip
        armed, _ = await arm(connection, account, found, AttemptKind.MANUAL, now)
        return armed

    await _work(ctx, actor, id_, if_match, step)


async def change(ctx: Context, actor: Actor, id_: str, changes: Mapping[str, Any], if_match: int | None) -> None:
    """Change the given fields. A new payment method is tried at once where a payment has failed."""

    async def step(connection: Pooled, found: RecurringOrder, attempt: Attempt | None, now: int) -> RecurringOrder:
        await references.check(connection, access.reach(actor), {"owner_id": changes.get("owner_id")})
        after = msgspec.structs.replace(found, **changes)
        renewed = (after.stripe_payment_method_id, after.stripe_customer_id) != (
            found.stripe_payment_method_id, found.stripe_customer_id,
        )  # fmt: skip
        if renewed and found.plan.status in recurring.FINAL:
            raise Refused(
                "state", f"A recurring order that is {found.plan.status} is not charged any more.",
                field="stripe_payment_method_id", remedy="Make a new one.",
            )  # fmt: skip
        if not renewed or not found.plan.order_id or _is_sent(attempt):
            return after
        if attempt is not None:  # armed with the old one
            await holding.revoke(connection, actor.account_id, attempt, now)
            after = msgspec.structs.replace(after, plan=recurring.again(after.plan, now))
        account = await accounts.get(connection, actor.account_id)
        waits = after.plan.status is RecurringStatus.PAUSED or after.plan.held or account.charging_stopped_at
        if waits:
            return after
        armed, _ = await arm(connection, account, after, AttemptKind.METHOD, now)
        return armed

    await _work(ctx, actor, id_, if_match, step)
