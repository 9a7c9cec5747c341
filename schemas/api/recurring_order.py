"""Recurring orders as the API speaks them (C1-C8)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api.fields import Amount, Currency, Flag, Id, Integral, Quantity, Text, Time, Wire, left_out
from schemas.api.offer import Interval
from schemas.api.order import ItemWish, OrderBody
from schemas.api.page import Page, PageQuery
from schemas.recurring import AttemptKind, AttemptState, RecurringStatus

StripeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,255}$")]


class RecurringOrderCreate(Wire):
    """A plan that makes an order on each due date and charges it. Give an offer, items or an amount."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contact_id": "01938c5e-3f00-7000-8000-000000000001",
                    "title": "Barista course, monthly",
                    "currency": "BRL",
                    "amount": 9900,
                    "interval": {"unit": "month", "count": 1},
                    "total_payments": 12,
                    "stripe_customer_id": "cus_Q1w2E3r4T5y6U7",
                    "stripe_payment_method_id": "pm_1Q2w3E4r5T6y7U8i9O0p",
                }
            ]
        }
    )

    contact_id: Id = Field(description="The customer.")
    title: Text | None = Field(
        None, description="Of the orders, too. The offer's name, or the first item's, if left out."
    )
    offer_id: Id | None = Field(None, description="Without items and amount, each order has one line: the offer.")
    quantity: Quantity | None = Field(None, validate_default=False, description="How many of the offer; 1 if left out.")
    items: list[ItemWish] | None = Field(None, min_length=1, max_length=1000, description="The lines of each order.")
    amount: Amount | None = Field(None, description="Only without items: it becomes one line named by the title.")
    currency: Currency | None = Field(None, description="ISO 4217; the offer's, else the account's, if left out.")
    interval: Interval | None = Field(None, description="The offer's if left out.")
    total_payments: Annotated[int, Field(ge=1, le=10_000), Integral] | None = Field(
        None, description="After so many it is completed; without end if left out."
    )
    first_payment_at: Time | None = Field(
        None, description="The first due date, from which all others are counted; now if left out."
    )
    stripe_customer_id: StripeId
    stripe_payment_method_id: StripeId = Field(description="Of that customer, set up for use off session.")
    connection: Text | None = Field(
        None,
        description="Name of the Stripe connection that charges; the account's only one with an API key if left out.",
    )
    owner_id: Id | None = Field(None, description="Whose it is, and its orders are: the id of a token.")


class RecurringOrderPatch(Wire):
    """The fields to change. What is left out stays. Orders made so far keep what they have."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stripe_payment_method_id": "pm_1Q2w3E4r5T6y7U8i"}]})

    title: Text = Field(default_factory=left_out)
    stripe_customer_id: StripeId = Field(default_factory=left_out)
    stripe_payment_method_id: StripeId = Field(
        default_factory=left_out, description="A new one is tried at once where a payment has failed."
    )
    owner_id: Id | None = None


class RecurringOrderQuery(PageQuery):
    contact_id: Id | None = None
    offer_id: Id | None = None
    owner_id: Id | None = None
    status: RecurringStatus | None = None
    managed_by: Literal["stripe", "manual"] | None = None
    held: Flag | None = Field(None, description="`true`: what waits for a person before it is charged.")


class RecurringOrderBody(Wire):
    """A recurring order. Its orders are at `/recurring-orders/{id}/orders`, its attempts at `.../attempts`."""

    id: str
    number: int | None = Field(description="Serial within the account.")
    title: str
    status: RecurringStatus
    managed_by: Literal["stripe", "manual"] = Field(
        description="`stripe`: a subscription of Stripe's own, which Daybook shows and never charges. `manual`: "
        "Daybook charges it."
    )
    livemode: bool
    contact_id: str | None = Field(description="Null while the customer of a subscription is not known.")
    offer_id: str | None
    owner_id: str | None
    connection_id: str | None
    currency: str | None
    amount: int | None = Field(description="Of each payment, in minor units.")
    items: list[ItemWish]
    interval: Interval | None
    timezone: str = Field(description="In which due dates are counted: the account's when it was made.")
    first_payment_at: datetime
    total_payments: int | None
    payments_made: int
    payments_remaining: int | None = Field(description="Null where there is no end.")
    next_payment_at: datetime | None = Field(description="The next due date; null when no more comes.")
    next_attempt_at: datetime | None = Field(
        description="When a payment that has failed is tried again; null where none has."
    )
    order_id: str | None = Field(description="The order that is due and not paid yet.")
    pausing: bool = Field(description="It is paused once the charge under way has ended.")
    completing: bool = Field(description="It is completed once the charge under way has ended.")
    held: bool = Field(description="What is due waits for a person: POST .../release.")
    failure_code: str | None
    failure_reason: str | None = Field(description="Why the last charge failed, in plain words.")
    stripe_customer_id: str | None
    stripe_payment_method_id: str | None
    stripe_subscription_id: str | None
    completed_at: datetime | None
    failed_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class RecurringOrderPage(Page[RecurringOrderBody]):
    pass


class ChargeAttemptBody(Wire):
    """One try to charge a cycle."""

    id: str
    cycle: int = Field(description="Which due date: 1 is the first.")
    number: int = Field(description="Which try of the cycle: 1, 2, 3.")
    order_id: str
    kind: AttemptKind = Field(description="`scheduled`, `manual` (asked for), `method` (a new payment method).")
    state: AttemptState = Field(
        description="`created`: not sent, nothing can have been charged. `sent`, `unknown`: Stripe was asked, and what "
        "came of it is not known yet; it is not charged again meanwhile. `abandoned`: surely not charged."
    )
    amount: int
    currency: str
    payment_intent_id: str | None
    final: bool = Field(description="A decline that is never to be retried.")
    failure_code: str | None
    failure_reason: str | None
    next_check_at: datetime | None = Field(description="When Daybook goes on with it, or asks what came of it.")
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None


class ChargeAttemptPage(Page[ChargeAttemptBody]):
    pass


class RecurringOrdersOrder(OrderBody):
    """An order of a recurring order, with the tries to charge it."""

    cycle: int | None = Field(description="Which due date: 1 is the first. Null for an order of a Stripe subscription.")
    attempts: list[ChargeAttemptBody] = Field(description="The newest first.")


class RecurringOrdersOrderPage(Page[RecurringOrdersOrder]):
    pass
