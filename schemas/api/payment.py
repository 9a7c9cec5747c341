"""Payments as the API speaks them (P3): each one attempt to move money, with or without an order."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.api.fields import Currency, Id, Text, Time
from schemas.api.order import OrderDispute, OrderPayment, OrderRefund
from schemas.api.page import Page, PageQuery

PaymentState = Literal["pending", "processing", "requires_action", "succeeded", "failed", "canceled"]


class PaymentQuery(PageQuery):
    order_id: Id | None = Field(None, description="Of this order; the id of one that was merged into it will do.")
    status: PaymentState | None = None
    system: Text | None = Field(None, description="The payment system.", examples=["stripe"])
    currency: Currency | None = Field(None, description="The payment's own.", examples=["BRL"])
    attempted_from: Time | None = Field(None, description="Attempted at this time or later.")
    attempted_to: Time | None = Field(None, description="Attempted before this time.")
    unclaimed: Literal["true", "false"] | None = Field(
        None, description="`true`: only payments that no order claims yet; `false`: only those of orders."
    )


class PaymentBody(OrderPayment):
    """One attempt to move money. `number` is serial within the account."""

    order_id: str | None = Field(description="Null while no order claims the payment.")


class PaymentDetail(PaymentBody):
    """A payment with what became of its money."""

    failure: str | None = Field(
        description="Why it failed, as a sentence; null where it did not.",
        examples=["The payment failed: insufficient funds."],
    )
    refunds: list[OrderRefund]
    disputes: list[OrderDispute]


class PaymentPage(Page[PaymentBody]):
    pass
