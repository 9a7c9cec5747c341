"""Orders over the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from handlers import access
from handlers.errors import Refused
from schemas.account import Actor, Permission
from schemas.api.order import (
    Explanation,
    OrderBody,
    OrderCreate,
    OrderPage,
    OrderPatch,
    TimelinePage,
)
from schemas.api.order_query import OrderQuery
from schemas.api.page import PageQuery
from worker.actions import order_making
from worker.actions import orders as actions
from worker.api import cursor, order_views
from worker.api.lists import newest_first
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import order_reads, search
from worker.store.db import Pooled
from worker.store.order_reads import OrderRows
from worker.store.snapshot import snapshot

OPERATIONS = Operations("orders", registry=True)


@OPERATIONS.declare("GET", "/orders", "List orders", query=OrderQuery, answer=OrderPage)
async def list_orders(ask: Ask, query: OrderQuery) -> web.Response:
    """Newest first. All filters given must hold."""
    body = partial(order_views.body, ask.actor.account_id)
    return await newest_first(ask, "orders", query, OrderPage, search.orders, order_reads.read, body)


@OPERATIONS.declare("GET", "/orders/{order_id}", "Get an order", answer=OrderBody, headers=("ETag", "Content-Location"))
async def get_order(ask: Ask, order_id: str) -> web.Response:
    """An order that turned out to be the same sale as another answers with that one: Content-Location names it."""
    return await shown(ask, order_id)


@OPERATIONS.declare(
    "GET", "/orders/{order_id}/timeline", "List an order's changes", query=PageQuery, answer=TimelinePage
)
async def list_order_timeline(ask: Ask, order_id: str, query: PageQuery) -> web.Response:
    """Newest first: when, who or which events, which fields from what to what."""
    place = cursor.decode("timeline", query.cursor)
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
        if found is None:
            return missing("orders")
        rows = await order_reads.timeline(
            connection, ask.reach, found.order["id"], place.id if place else None, query.limit + 1
        )
    items = [order_views.timeline_entry(row) for row in rows[: query.limit]]
    return answer(cursor.page(TimelinePage, items, [(None, row["id"]) for row in rows], "timeline", query.limit))


@OPERATIONS.declare("GET", "/orders/{order_id}/explain", "Explain an order's payment status", answer=Explanation)
async def explain_order(ask: Ask, order_id: str) -> web.Response:
    """Why its payment status is what it is: the facts in order, and the rule that fired."""
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
        dossier = await order_reads.dossier(connection, ask.reach, found.order["id"]) if found else None
    if found is None or dossier is None:
        return missing("orders")
    return answer(order_views.explanation(ask.actor.account_id, found, dossier))


@OPERATIONS.declare(
    "POST",
    "/orders",
    "Create an order",
    permission=Permission.CRM_MANAGE,
    body=OrderCreate,
    answer=OrderBody,
    statuses={201: "Created.", 200: "The same body was sent before: the order that it made."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_order(ask: Ask, body: OrderCreate) -> web.Response:
    """By (origin `api`, `external_id`) at most one is made: the same body again answers with it, another body with 409
    that names the fields in which it differs. Without an `external_id` each request makes an order. What a person makes
    at the screens has the origin `manual`.
    """
    order_id, created = await order_making.create(ask.ctx, ask.actor, body)
    return await shown(ask, order_id, created=created)


@OPERATIONS.declare(
    "PATCH",
    "/orders/{order_id}",
    "Change an order",
    permission=Permission.CRM_MANAGE,
    body=OrderPatch,
    answer=OrderBody,
    errors=(409, 412),
    headers=("ETag", "Content-Location"),
)
async def change_order(ask: Ask, order_id: str, body: OrderPatch) -> web.Response:
    """Only the fields given are changed. What Stripe manages on this order is refused with 409 and `locked_fields`. An
    order that was merged into another is changed there: Content-Location names it.
    """
    changes: dict[str, Any] = body.model_dump(mode="python", exclude_unset=True)

    async def patch(meant: str, expected: int | None) -> None:
        await actions.patch(ask.ctx, ask.actor, meant, changes, expected)

    return await changed(ask, order_id, patch)


Change = Callable[[str, int | None], Awaitable[None]]
"""Changes the order of an id, which is to be at a version where one is given."""


async def changed(ask: Ask, order_id: str, change: Change, *, status: int = 200) -> web.Response:
    """The order after a change of it, or of the one that it was merged into."""
    admitted = await to_be_changed(ask, order_id)
    while not isinstance(admitted, web.Response):
        try:
            await change(*admitted)
            return await shown(ask, order_id, status=status)
        except Refused as refused:
            if refused.code != "not_found":
                raise
            before, admitted = admitted, await to_be_changed(ask, order_id)
            if admitted == before:  # else it was merged while we looked, and is to be found elsewhere
                raise
    return admitted


async def to_be_changed(ask: Ask, order_id: str) -> tuple[str, int | None] | web.Response:
    """The order that stands under this id now and the version that `If-Match` asks for, or why it is not changed."""
    async with snapshot(ask.ctx.pool) as connection:
        order_id = await order_reads.surviving(connection, ask.reach, order_id) or order_id
        held = await order_reads.owner(connection, ask.reach, order_id)
    if held is None:
        return missing("orders")
    owner_id, version = held
    access.check_write(ask.actor, owner_id, "orders")
    return order_id, ask.expected(version)


async def shown(ask: Ask, order_id: str, *, created: bool = False, status: int = 200) -> web.Response:
    """The order as it is now, or as the order that it was merged into."""
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
    if found is None:
        return missing("orders")
    row = found.order
    response = answer(
        order_views.body(ask.actor.account_id, found), 201 if created else status, ETag=f'"{row["version"]}"'
    )
    address = f"/api/v1/orders/{row['id']}"
    if created:
        response.headers["Location"] = address
    if row["id"] != order_id or ask.request.method == "GET":
        response.headers["Content-Location"] = address
    return response


async def find(connection: Pooled, actor: Actor, order_id: str) -> OrderRows | None:
    """The order of this id, or the one it was merged into, as far as the actor sees."""
    reach = access.reach(actor)
    for id_ in (order_id, await order_reads.surviving(connection, reach, order_id)):
        if id_ and (rows := await order_reads.read(connection, reach, [id_])):
            return rows[0]
    return None
