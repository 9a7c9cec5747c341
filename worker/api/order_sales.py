"""An order's money by hand, and who made the sale, over the API (P4, S3)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from schemas.account import Permission
from schemas.api.order import OrderBody
from schemas.api.order_edit import ManagerWish, PaymentCreate, RefundCreate, SaleConfirmation
from worker.actions import sales as actions
from worker.actions.orders import given
from worker.api.operation import Ask, Operations
from worker.api.orders import changed

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
    was set before counts no more. On an invoice or a return's invoice it counts for the parent too. For an offer
    that is not paid for in parts (`partial_payment`) a payment that leaves something owed is 422."""
    return await changed(
        ask, order_id, lambda meant, expected: actions.pay(ask.ctx, ask.actor, meant, given(body), expected), status=201
    )


@OPERATIONS.declare("POST", "/orders/{order_id}/refunds", "Record a refund", body=RefundCreate, **_BY_HAND)
async def record_order_refund(ask: Ask, order_id: str, body: RefundCreate) -> web.Response:
    """Money that was given back by hand, at most what is held."""
    wish = given(body)
    return await changed(
        ask, order_id, lambda meant, expected: actions.refund(ask.ctx, ask.actor, meant, wish, expected), status=201
    )


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
    """As the system, as the manager named on the order, or as another. Where it is not said: as the manager whom the
    customer's sales plans propose for this offer, else as the manager of the order, else as the system. A refund keeps
    the confirmation.
    """
    return await changed(
        ask,
        order_id,
        lambda meant, expected: actions.confirm_sale(ask.ctx, ask.actor, meant, body.as_, body.manager_id, expected),
    )


@OPERATIONS.declare("POST", "/orders/{order_id}/manager", "Assign a manager", body=ManagerWish, **_SALE)
async def assign_order_manager(ask: Ask, order_id: str, body: ManagerWish) -> web.Response:
    """Names who is in charge of the sale. It confirms nothing."""
    return await changed(
        ask, order_id, lambda meant, expected: actions.assign(ask.ctx, ask.actor, meant, body.manager_id, expected)
    )


async def _decided(ask: Ask, order_id: str, verdict: str) -> web.Response:
    return await changed(
        ask, order_id, lambda meant, expected: actions.decide(ask.ctx, ask.actor, meant, verdict, expected)
    )
