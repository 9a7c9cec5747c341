"""Recurring orders over the API (C1-C8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from schemas.account import Permission
from schemas.api.page import PageQuery
from schemas.api.recurring_order import (
    ChargeAttemptBody,
    ChargeAttemptPage,
    RecurringOrderBody,
    RecurringOrderCreate,
    RecurringOrderPage,
    RecurringOrderPatch,
    RecurringOrderQuery,
    RecurringOrdersOrder,
    RecurringOrdersOrderPage,
)
from worker.actions import recurring as actions
from worker.api import cursor, order_views, recurring_views
from worker.api.lists import newest_first
from worker.api.operation import Ask, Operations, answer, missing
from worker.context import Context
from worker.store import charge_attempts, order_reads, recurring_orders, search
from worker.store.db import acquire
from worker.store.snapshot import snapshot

NOUN = "recurring orders"
OPERATIONS = Operations("recurring-orders", registry=True)
Verb = Callable[..., Awaitable[None]]


@OPERATIONS.declare(
    "GET", "/recurring-orders", "List recurring orders", query=RecurringOrderQuery, answer=RecurringOrderPage
)
async def list_recurring_orders(ask: Ask, query: RecurringOrderQuery) -> web.Response:
    """Newest first, those before their first payment (`pending`) among them; Stripe's own subscriptions stand beside
    them as `managed_by` `stripe`. All filters given must hold."""
    return await newest_first(
        ask, "recurring_orders", query, RecurringOrderPage, search.recurring_orders, recurring_orders.read,
        recurring_views.body,
    )  # fmt: skip


@OPERATIONS.declare(
    "GET",
    "/recurring-orders/{recurring_order_id}",
    "Get a recurring order",
    answer=RecurringOrderBody,
    headers=("ETag",),
)
async def get_recurring_order(ask: Ask, recurring_order_id: str) -> web.Response:
    """One recurring order: where it stands, what is left of it, when it is charged next, why the last charge failed."""
    return await _shown(ask, recurring_order_id)


@OPERATIONS.declare(
    "POST",
    "/recurring-orders",
    "Create a recurring order",
    permission=Permission.RECURRING_MANAGE,
    body=RecurringOrderCreate,
    answer=RecurringOrderBody,
    statuses={201: "Created. It is `pending` until its first payment has succeeded."},
    headers=("ETag", "Location"),
)
async def create_recurring_order(ask: Ask, body: RecurringOrderCreate) -> web.Response:
    """The first payment is charged at once, off session, unless `first_payment_at` says otherwise. Send an
    `Idempotency-Key`: without one each request makes a recurring order of its own, which is charged."""
    id_ = await actions.create(ask.ctx, ask.actor, body)
    response = await _shown(ask, id_, status=201)
    response.headers["Location"] = f"/api/v1/recurring-orders/{id_}"
    return response


@OPERATIONS.declare(
    "PATCH",
    "/recurring-orders/{recurring_order_id}",
    "Change a recurring order",
    permission=Permission.RECURRING_MANAGE,
    body=RecurringOrderPatch,
    answer=RecurringOrderBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_recurring_order(ask: Ask, recurring_order_id: str, body: RecurringOrderPatch) -> web.Response:
    """Only the fields given are changed. A new payment method is tried at once where a payment has failed, which uses
    up none of its tries."""
    changes = body.model_dump(exclude_unset=True)

    async def change(ctx: Context, *given: object) -> None:
        actor, id_, if_match = given
        await actions.change(ctx, actor, id_, changes, if_match)  # type: ignore[arg-type]

    return await _done(ask, recurring_order_id, change)


def _verb(name: str, summary: str, verb: Verb, sentence: str) -> None:
    """An operation that does one thing to a recurring order and shows it."""

    async def handler(ask: Ask, recurring_order_id: str) -> web.Response:
        return await _done(ask, recurring_order_id, verb)

    handler.__name__, handler.__doc__ = f"{name}_recurring_order", sentence
    OPERATIONS.declare(
        "POST",
        f"/recurring-orders/{{recurring_order_id}}/{name}",
        summary,
        permission=Permission.RECURRING_MANAGE,
        answer=RecurringOrderBody,
        errors=(409, 412),
        headers=("ETag",),
    )(handler)


_verb(
    "pause", "Pause a recurring order", actions.pause,
    "It is not charged until it is activated. A charge that is armed is taken back; one that Stripe was asked for "
    "comes to its end first (`pausing`).",
)  # fmt: skip
_verb(
    "activate", "Activate a recurring order", actions.activate,
    "What fell due while it was paused is charged within ten minutes, and once, however many dates have passed.",
)  # fmt: skip
_verb(
    "complete", "Complete a recurring order early", actions.complete,
    "It is charged no more, for good. A charge that is armed is taken back; one that Stripe was asked for comes to its "
    "end first (`completing`).",
)  # fmt: skip
_verb(
    "charge", "Try an unpaid cycle now", actions.charge,
    "A try by hand of what is due and not paid. It uses up none of the account's retries.",
)  # fmt: skip
_verb(
    "release", "Release what was held back", actions.release,
    "What fell due while the account's registry was off waits for a person: this lets it be charged.",
)  # fmt: skip


@OPERATIONS.declare(
    "GET",
    "/recurring-orders/{recurring_order_id}/attempts",
    "List the attempts to charge a recurring order",
    query=PageQuery,
    answer=ChargeAttemptPage,
)
async def list_charge_attempts(ask: Ask, recurring_order_id: str, query: PageQuery) -> web.Response:
    """The newest first, with their errors."""
    place = cursor.decode("charge_attempts", query.cursor)
    async with snapshot(ask.ctx.pool) as connection:
        if not await recurring_orders.read(connection, ask.reach, [recurring_order_id]):
            return missing(NOUN)
        before = (place.moment, place.id) if place else None
        rows = await charge_attempts.list_(
            connection, ask.actor.account_id, recurring_order_id, before, query.limit + 1
        )
    items: list[ChargeAttemptBody] = [recurring_views.attempt(row) for row in rows[: query.limit]]
    found = [(row.created_at, row.id) for row in rows]
    return answer(cursor.page(ChargeAttemptPage, items, found, "charge_attempts", query.limit))


@OPERATIONS.declare(
    "GET",
    "/recurring-orders/{recurring_order_id}/orders",
    "List the orders made within a recurring order",
    query=PageQuery,
    answer=RecurringOrdersOrderPage,
)
async def list_recurring_orders_orders(ask: Ask, recurring_order_id: str, query: PageQuery) -> web.Response:
    """The first on top, each with the tries to charge it."""
    place = cursor.decode("recurring_orders_orders", query.cursor)
    after = (place.moment, place.id) if place else None
    account_id = ask.actor.account_id
    async with snapshot(ask.ctx.pool) as connection:
        if not await recurring_orders.read(connection, ask.reach, [recurring_order_id]):
            return missing(NOUN)
        found = await recurring_orders.orders_of(connection, account_id, recurring_order_id, after, query.limit + 1)
        ids = [id_ for _, id_ in found[: query.limit]]
        orders = await order_reads.read(connection, ask.reach, ids)
        tried = await charge_attempts.of_orders(connection, account_id, ids)
    items = []
    for order in orders:
        attempts = [attempt for attempt in tried if attempt.order_id == order.order["id"]]
        items.append(
            RecurringOrdersOrder(
                **order_views.body(account_id, order).model_dump(by_alias=True),
                cycle=attempts[0].cycle + 1 if attempts else None,
                attempts=[recurring_views.attempt(attempt) for attempt in attempts],
            )
        )
    return answer(cursor.page(RecurringOrdersOrderPage, items, found, "recurring_orders_orders", query.limit))


async def _done(ask: Ask, id_: str, verb: Verb) -> web.Response:
    async with acquire(ask.ctx.pool) as connection:
        rows = await recurring_orders.read(connection, ask.reach, [id_])
    if not rows:
        return missing(NOUN)
    await verb(ask.ctx, ask.actor, id_, ask.expected(rows[0].version))
    return await _shown(ask, id_)


async def _shown(ask: Ask, id_: str, *, status: int = 200) -> web.Response:
    async with acquire(ask.ctx.pool) as connection:
        rows = await recurring_orders.read(connection, ask.reach, [id_])
    if not rows:
        return missing(NOUN)
    return answer(recurring_views.body(rows[0]), status, ETag=f'"{rows[0].version}"')
