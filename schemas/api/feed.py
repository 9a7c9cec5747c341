"""The messages of the outgoing feed as they are sent (H5), and when each is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.api.fields import Wire
from schemas.api.order import OrderBody, OrderDispute, OrderPayment, OrderRefund
from schemas.feed import TEST, EventType

_SEQUENCE = "Counts the events of this order, from 1."


class FeedRefund(OrderRefund):
    payment_id: str | None = Field(exclude=True)


class FeedDispute(OrderDispute):
    payment_id: str | None = Field(exclude=True)


class FeedOrder(OrderBody):
    """An order as the API shows it, without how each payment went: that is for those who may read payments."""

    payments: list[OrderPayment] = Field(exclude=True)
    locked_fields: list[str] = Field(exclude=True)
    refunds: list[FeedRefund]  # type: ignore[assignment]  # the narrower one
    disputes: list[FeedDispute]  # type: ignore[assignment]


class FeedOrderData(FeedOrder):
    sequence: int = Field(description=_SEQUENCE)


class FeedMergedData(Wire):
    """The order turned out to be the same sale as another: the last word on this id."""

    sequence: int = Field(description=_SEQUENCE)
    id: str
    number: int | None
    external_id: str | None
    origin: str
    version: int
    merged_into: str = Field(description="The id of the order that remains.")


class FeedTestData(Wire):
    sequence: int
    subscriber_id: str


class FeedOrderMessage(Wire):
    type: EventType
    timestamp: datetime = Field(description="When it happened.")
    data: FeedOrderData


class FeedMergedMessage(Wire):
    type: Literal[EventType.ORDER_MERGED]
    timestamp: datetime = Field(description="When it happened.")
    data: FeedMergedData


class FeedTestMessage(Wire):
    type: Literal["daybook.test"]
    timestamp: datetime = Field(description="When it was asked for.")
    data: FeedTestData


TOLD: Mapping[str, str] = {
    EventType.ORDER_CREATED: "An order was made.",
    EventType.ORDER_UPDATED: "An order was changed, whatever the change.",
    EventType.ORDER_MERGED: "An order turned out to be the same sale as another.",
    EventType.ORDER_PAID: "An order was paid.",
    EventType.ORDER_PARTIALLY_PAID: "A part of an order was paid.",
    EventType.ORDER_OVERDUE: "An order was not paid in time.",
    EventType.ORDER_REFUNDED: "All that was paid for an order was given back.",
    EventType.ORDER_PARTIALLY_REFUNDED: "More of what was paid for an order was given back, and not all of it.",
    EventType.ORDER_FAILED: "The payment of an order failed.",
    EventType.ORDER_CANCELED: "The payment of an order was canceled.",
    EventType.ORDER_DISPUTED: "A payment of an order was disputed.",
    EventType.ORDER_PROCESSING: "An order went into processing.",
    EventType.ORDER_COMPLETED: "An order was completed.",
    EventType.ORDER_VOIDED: "An order was voided.",
    EventType.ORDER_PARTIALLY_SHIPPED: "A part of an order was shipped.",
    EventType.ORDER_SHIPPED: "An order was shipped.",
    EventType.ORDER_DELIVERED: "An order was delivered.",
    EventType.ORDER_RETURNED: "An order was returned.",
    TEST: "A test message was asked for.",
}
"""What each message tells."""


def message_of(type_: str) -> type[FeedOrderMessage | FeedMergedMessage | FeedTestMessage]:
    """What a message of this type looks like."""
    if type_ == TEST:
        return FeedTestMessage
    return FeedMergedMessage if type_ == EventType.ORDER_MERGED else FeedOrderMessage
