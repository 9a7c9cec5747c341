"""The outgoing feed (H5): what is told to subscribers, and what becomes of it."""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    """What a subscriber may be told. `docs/feed.md` says when each is sent."""

    ORDER_CREATED = "order.created"
    ORDER_UPDATED = "order.updated"  # each change of an order, whatever else it is
    ORDER_MERGED = "order.merged"
    ORDER_PAID = "order.paid"
    ORDER_PARTIALLY_PAID = "order.partially_paid"
    ORDER_OVERDUE = "order.overdue"
    ORDER_REFUNDED = "order.refunded"
    ORDER_PARTIALLY_REFUNDED = "order.partially_refunded"
    ORDER_FAILED = "order.failed"
    ORDER_CANCELED = "order.canceled"
    ORDER_DISPUTED = "order.disputed"
    ORDER_PROCESSING = "order.processing"
    ORDER_COMPLETED = "order.completed"
    ORDER_VOIDED = "order.voided"
    ORDER_PARTIALLY_SHIPPED = "order.partially_shipped"
    ORDER_SHIPPED = "order.shipped"
    ORDER_DELIVERED = "order.delivered"
    ORDER_RETURNED = "order.returned"
    RECURRING_CREATED = "recurring.created"
    RECURRING_PAID = "recurring.paid"
    RECURRING_DECLINED = "recurring.declined"
    RECURRING_PAUSED = "recurring.paused"
    RECURRING_ACTIVATED = "recurring.activated"
    RECURRING_COMPLETED = "recurring.completed"
    RECURRING_FAILED = "recurring.failed"


TEST = "daybook.test"
"""Sent on request to one subscriber, whatever types it has chosen."""


class SubscriberState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # events gather, nothing is sent
    DISABLED = "disabled"  # it answered 410: nothing is sent, nothing gathers


class DeliveryState(StrEnum):
    PENDING = "pending"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    DEAD = "dead"
