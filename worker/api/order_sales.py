"""An order's money by hand, and who made the sale, over the API (P4, S3)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from handlers.errors import Refused
from schemas.account import Permission
from schemas.api.order import OrderBody
from schemas.api.order_edit import ManagerWish, PaymentCreate, RefundCreate, SaleConfirmation
from worker.actions import sales as actions
from worker.actions.orders import given
from worker.api.operation import Ask, Operations
from worker.api.orders import find, shown, to_be_changed
from worker.store.snapshot import snapshot

OPERATIONS = Operations("orders", registry=True)
_BY_HAND: dict[str, Any] = {
    "permission": Permission.CRM_MANAGE,
    "answer": OrderBody,
    "statuses": {201: "Recorded. The answer is the whole order."},
    "errors": (409, 412),
    "headers": ("ETag",),
}
_SALE: dict[str, Any] = {
    "permission": Permission.SALES_CONFIRM, "answer": OrderBody, "errors": (409, 412), "headers": ("ETag",),
}  # fmt: skip


@OPERATIONS.declare("POST", "/orders/{order_id}/payments", "Record a payment", body=PaymentCreate, **_BY_HAND)
async def record_order_payment(ask: Ask, order_id: str, body: PaymentCreate) -> web.Response:
    """Money that was received by hand. It is a fact like any other: the payment status follows from it, and a note that
    was set before counts no more. On an invoice or a return's invoice it counts for the parent too."""
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, expected = admitted
    await actions.pay(ask.ctx, ask.actor, order_id, given(body), expected)
    return await shown(ask, order_id, status=201)


@OPERATIONS.declare("POST", "/orders/{order_id}/refunds", "Record a refund", body=RefundCreate, **_BY_HAND)
async def record_order_refund(ask: Ask, order_id: str, body: RefundCreate) -> web.Response:
    """Money that was given back by hand, at most what is held."""
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, expected = admitted
    wish = given(body)
    if body.payment_id is not None:
        wish["payment_key"] = await _payment_key(ask, order_id, body.payment_id)
    await actions.refund(ask.ctx, ask.actor, order_id, wish, expected)
    return await shown(ask, order_id, status=201)


@OPERATIONS.declare("POST", "/orders/{order_id}/confirm", "Confirm a partly paid order", **_SALE)
async def confirm_order(ask: Ask, order_id: str) -> web.Response:
    """The sale counts as completed although it is not wholly paid; its payment status stays what the payments say."""
    return await _decided(ask, order_id, "confirmed")


@OPERATIONS.declare("POST", "/orders/{order_id}/decline", "Decline a partly paid order", **_SALE)
async def decline_order(ask: Ask, order_id: str) -> web.Response:
    """The sale counts as declined; its payment status stays what the payments say. No money moves."""
    return await _decided(ask, order_id, "declined")


@OPERATIONS.declare(
    "POST", "/orders/{order_id}/sale-confirmation", "Confirm who made the sale", body=SaleConfirmation, **_SALE
)
async def confirm_order_sale(ask: Ask, order_id: str, body: SaleConfirmation) -> web.Response:
    """As the system, as the manager named on the order, or as another. A refund keeps the confirmation."""
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, expected = admitted
    manager_id = await _maker(ask, order_id, body)
    await actions.confirm_sale(ask.ctx, ask.actor, order_id, manager_id, expected)
    return await shown(ask, order_id)


@OPERATIONS.declare("POST", "/orders/{order_id}/manager", "Assign a manager", body=ManagerWish, **_SALE)
async def assign_order_manager(ask: Ask, order_id: str, body: ManagerWish) -> web.Response:
    """Names who is in charge of the sale. It confirms nothing."""
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, expected = admitted
    await actions.assign(ask.ctx, ask.actor, order_id, body.manager_id, expected)
    return await shown(ask, order_id)


async def _decided(ask: Ask, order_id: str, verdict: str) -> web.Response:
    admitted = await to_be_changed(ask, order_id)
    if isinstance(admitted, web.Response):
        return admitted
    order_id, expected = admitted
    await actions.decide(ask.ctx, ask.actor, order_id, verdict, expected)
    return await shown(ask, order_id)


async def _maker(ask: Ask, order_id: str, body: SaleConfirmation) -> str | None:
    """The manager who made the sale; None for the system."""
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
    named: str | None = found.order["manager_id"] if found else None
    if body.as_ == "other" or (body.as_ is None and body.manager_id):
        if body.manager_id is None:
            raise Refused("invalid", "It is not said who made the sale.", field="manager_id", remedy="Give manager_id.")
        return body.manager_id
    if body.manager_id is not None:
        raise Refused(
            "invalid", "A manager is named only where another made the sale.", field="manager_id",
            remedy="Leave manager_id out, or confirm as other.",
        )  # fmt: skip
    if body.as_ == "manager" and named is None:
        raise Refused(
            "manager_missing", "No manager is named on the order.", field="as",
            remedy="Assign one with POST /orders/{id}/manager, or confirm as other with manager_id.",
        )  # fmt: skip
    return None if body.as_ == "system" else named


async def _payment_key(ask: Ask, order_id: str, payment_id: str) -> str:
    async with snapshot(ask.ctx.pool) as connection:
        found = await find(connection, ask.actor, order_id)
    for payment in found.payments if found else ():
        if payment["id"] == payment_id:
            return str(payment["key"])
    raise Refused(
        "invalid", f"The order has no payment {payment_id}.", field="payment_id",
        remedy="Get the order, and use the id of one of its payments.",
    )  # fmt: skip
