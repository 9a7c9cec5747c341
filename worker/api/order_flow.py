"""The flow of an order over the API: its status, its children (T2, T3, T5)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from schemas.account import Permission
from schemas.api.order import OrderBody
from schemas.api.order_edit import ChildCreate, ChildList, StatusWish
from schemas.order import Status
from worker.actions import children
from worker.actions import orders as actions
from worker.api import order_views
from worker.api.operation import Ask, Operations, answer, missing
from worker.api.orders import changed, find, shown, to_be_changed
from worker.store import children as stored
from worker.store import order_reads
from worker.store.snapshot import snapshot

OPERATIONS = Operations("orders", registry=True)
_GOOD: dict[str, Any] = {"permission": Permission.CRM_MANAGE, "answer": OrderBody, "headers": ("ETag",)}


@OPERATIONS.declare("POST", "/orders/{order_id}/status", "Move an order", body=StatusWish, errors=(409, 412), **_GOOD)
async def move_order(ask: Ask, order_id: str, body: StatusWish) -> web.Response:
    """Any direction among draft, new, processing and completed; void is final. Back from completed, and to void, only
    while no money is held and no child is completed: else 409 with what to resolve."""
    return await _moved(ask, order_id, body.status)


@OPERATIONS.declare("DELETE", "/orders/{order_id}", "Void an order", errors=(409, 412), **_GOOD)
async def void_order(ask: Ask, order_id: str) -> web.Response:
    """An order is never deleted, it becomes void: its number stays accounted for. An order that is void already stays
    so."""
    return await _moved(ask, order_id, Status.VOID)


@OPERATIONS.declare("GET", "/orders/{order_id}/children", "List an order's children", answer=ChildList)
async def list_order_children(ask: Ask, order_id: str) -> web.Response:
    """Oldest first, void ones too. At most 1,000."""
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
        if found is None:
            return missing("orders")
        family = await stored.family(connection, ask.actor.account_id, found.order["id"])
        ids = [child.id for child in family.children[:1000]]
        rows = await order_reads.read(connection, ask.reach, ids)
    return answer(ChildList(items=[order_views.body(ask.actor.account_id, row) for row in rows]))


@OPERATIONS.declare(
    "POST",
    "/orders/{order_id}/children",
    "Make an order from an order",
    permission=Permission.CRM_MANAGE,
    body=ChildCreate,
    answer=OrderBody,
    statuses={201: "Created."},
    errors=(409, 412),
    headers=("ETag", "Location"),
)
async def create_order_child(ask: Ask, order_id: str, body: ChildCreate) -> web.Response:
    """An invoice, a shipping, a return, or the next document of the chain. It carries lines of its parent; a line is in
    at most one live child of each type, and voiding that child frees it. What carries all lines and states what is owed
    takes the parent's charges over too."""
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, _ = admitted
    child_id = await children.create(ask.ctx, ask.actor, order_id, body)
    return await shown(ask, child_id, created=True)


async def _moved(ask: Ask, order_id: str, status: Status) -> web.Response:
    return await changed(
        ask,
        order_id,
        lambda meant, expected: actions.patch(ask.ctx, ask.actor, meant, {"status": status.value}, expected),
    )
