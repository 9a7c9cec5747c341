"""One recurring order (C4, C7): where it stands, what may be done to it, the orders made within it with the tries to
charge them, and what is to come."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import Field

from handlers import forecast
from handlers.reading import micros, moment
from schemas.account import Permission
from schemas.api.page import PageQuery
from schemas.order import ManagedBy
from schemas.recurring import AttemptState
from worker.api import cursor, recurring_views
from worker.screens.sales.recurring_orders import WORDS
from worker.screens.sales.verbs import may_change, verbs
from worker.screens.screen import Content, Look, NotThere, Screens
from worker.store import accounts, charge_attempts, contact_reads, offers, order_reads
from worker.store import recurring_orders as store
from worker.store.accounts import Account
from worker.store.charge_attempts import Attempt
from worker.store.order_reads import OrderRows
from worker.store.records import Row
from worker.store.recurring_orders import RecurringOrder
from worker.store.snapshot import snapshot

SCREENS = Screens("sales", registry=True)
DATES = 6
"""How many of the next payments are shown."""


class OrdersLook(PageQuery):
    """Which of its orders are shown."""

    sort: Literal["newest"] | None = Field(None, description="`newest`: on top; else the first is.")


class MadeOrder(msgspec.Struct, frozen=True):
    """An order made within it: `system` is what its money came by, `attempts` are the tries to charge it, the newest
    first."""

    order: Row
    system: str | None
    cycle: int | None
    attempts: list[Attempt]


@SCREENS.declare(
    "/recurring-orders/{id}", "Recurring order", sections=("head", "standing", "orders", "schedule", "facts")
)
async def recurring_order(look: Look) -> Content:
    """All of it as of one moment."""
    wanted = look.wanted(OrdersLook)
    newest = wanted.sort == "newest"
    name = "newest_orders_of" if newest else "orders_of"
    place = cursor.decode(name, wanted.cursor)
    account_id = look.actor.account_id
    async with snapshot(look.ctx.pool) as connection:
        rows = await store.read(connection, look.reach, [look.id()])
        if not rows:
            raise NotThere("recurring order")
        found = rows[0]
        account = await accounts.get(connection, account_id)
        contacts = await contact_reads.read(connection, look.reach, [found.contact_id] if found.contact_id else [])
        offered = await offers.RECORDS.read(connection, look.reach, [found.offer_id] if found.offer_id else [])
        last = (await charge_attempts.latest(connection, account_id, [found.id])).get(found.id)
        places = await store.orders_of(
            connection, account_id, found.id, (place.moment, place.id) if place else None, wanted.limit + 1,
            newest=newest,
        )  # fmt: skip
        ids = [id_ for _, id_ in places[: wanted.limit]]
        orders = await order_reads.read(connection, look.reach, ids)
        tried = await charge_attempts.of_orders(connection, account_id, ids)
        due = await order_reads.read(connection, look.reach, [found.plan.order_id] if found.plan.order_id else [])
    return {
        **_content(look, account, found, last),
        "contact": contacts[0] if contacts else None,
        "offer": offered[0] if offered else None,
        "due_order": due[0].order if due else None,
        "orders": [_made(one, [attempt for attempt in tried if attempt.order_id == one.order["id"]]) for one in orders],
        "newest": newest,
        "next_cursor": cursor.following(name, places, wanted.limit),
    }


def _content(look: Look, account: Account, found: RecurringOrder, last: Attempt | None) -> dict[str, Any]:
    """What follows from the recurring order and its last attempt alone."""
    now, plan = micros(look.now), found.plan
    under_way = last if last is not None and plan.attempt_id == last.id else None
    stopped = account.charging_stopped_at is not None
    ours = found.managed_by != ManagedBy.STRIPE
    sent = under_way is not None and under_way.state is not AttemptState.CREATED
    mine = may_change(look.actor, found)
    return {
        "account": account,
        "found": recurring_views.body(found),
        "ours": ours,
        "last": last,
        "under_way": under_way,
        "due_now": forecast.due_now(plan, now),
        "dates": _moments(forecast.upcoming(plan, now, DATES)) if ours else _moments_of(plan.next_payment_at),
        "retries": _moments(forecast.retries(plan, account.retry_intervals_s)),
        "refused": plan.refusals > 0,
        "verbs": verbs(found, now, stopped=stopped, sent=sent) if mine else [],
        "mine": mine,
        "may_stop": look.actor.may(Permission.SETTINGS_MANAGE),
        **WORDS,
    }


def _moments(dates: list[int]) -> list[datetime]:
    return [moment(at) for at in dates]


def _moments_of(at: int | None) -> list[datetime]:
    return [] if at is None else [moment(at)]


def _made(rows: OrderRows, attempts: list[Attempt]) -> MadeOrder:
    paid = [payment["system"] for payment in rows.payments if payment["status"] == "succeeded"]
    asked = [payment["system"] for payment in rows.payments]
    return MadeOrder(
        rows.order, (paid or asked or [None])[-1], attempts[0].cycle + 1 if attempts else None, attempts
    )  # fmt: skip
