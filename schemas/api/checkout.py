"""Checkouts as the API speaks them (P1)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.api.fields import Amount, Currency, Flag, Id, Integral, Prose, Quantity, Slug, Text, Time, Url, Wire
from schemas.api.order import Address, ItemWish
from schemas.api.page import Page, PageQuery
from schemas.checkout import EARLIEST_S, LATEST_S, USUAL_S, Standing

CustomerId = Annotated[str, StringConstraints(pattern=r"^cus_[A-Za-z0-9_]{1,200}$")]
_OF_AN_ORDER = frozenset(
    {"order_id", "amount", "success_url", "cancel_url", "expires_in_s", "connection", "save_payment_method",
     "stripe_customer_id"}
)  # fmt: skip


class CheckoutCreate(Wire):
    """A session at Stripe in which a customer pays: for a new order (`contact_id`, and items, an offer or an amount),
    or for an order that there is (`order_id`), all that remains on it or a part."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contact_id": "01938c5e-3f00-7000-8000-000000000001",
                    "items": [{"name": "Coffee beans, 1 kg", "quantity": 2, "unit_price": 4990}],
                    "currency": "BRL",
                    "success_url": "https://shop.example/thanks",
                    "cancel_url": "https://shop.example/cart",
                },
                {
                    "order_id": "01938c5e-3f00-7000-8000-000000000002",
                    "amount": 5000,
                    "success_url": "https://shop.example/thanks",
                },
            ],
            "oneOf": [{"required": ["contact_id"]}, {"required": ["order_id"]}],
        }
    )

    contact_id: Id | None = Field(None, description="The customer of a new order, who exists already.")
    order_id: Id | None = Field(None, description="The order to pay for, in place of a new one.")
    items: list[ItemWish] | None = Field(None, max_length=100, description="What is sold.")
    offer_id: Id | None = Field(None, description="The offer that is sold: its price x `quantity`, without items.")
    quantity: Quantity | None = Field(
        None, validate_default=False, description="How many of the offer; 1 unless given."
    )
    price_list: Slug | None = Field(None, description="Prices the items that have a `sku` and no `unit_price`.")
    amount: Amount | None = Field(
        None,
        description="With `order_id`: the part that is paid now, all that remains unless given. Else, without items "
        "and offer: the one line of the order, named by the title.",
    )
    currency: Currency | None = Field(
        None, description="Of a new order; that of the prices, else the account's.", examples=["BRL"]
    )
    title: Text | None = Field(None, description="Of a new order; that of its first line unless given.")
    deal_id: Id | None = None
    owner_id: Id | None = None
    manager_id: Id | None = None
    due_at: Time | None = Field(None, description="When a new order is overdue.")
    billing_address: Address | None = None
    notes: Prose | None = None
    success_url: Url = Field(
        description="Where the customer goes after paying; `{CHECKOUT_SESSION_ID}` in it is filled in by Stripe.",
        examples=["https://shop.example/thanks"],
    )
    cancel_url: Url | None = Field(None, description="Where the customer goes who turns back.")
    expires_in_s: Annotated[int, Field(ge=EARLIEST_S, le=LATEST_S), Integral] = Field(
        USUAL_S, description="How long the session is open, in seconds."
    )
    connection: Text | None = Field(
        None, description="Name of the connection to Stripe; the one with an API key unless given.", examples=["stripe"]
    )
    save_payment_method: bool = Field(
        False, description="Whether the payment method is kept at Stripe, for charges without the customer."
    )
    stripe_customer_id: CustomerId | None = Field(None, description="The customer at Stripe, where there is one.")

    @model_validator(mode="after")
    def _one_of_two(self) -> CheckoutCreate:
        if (self.contact_id is None) == (self.order_id is None):
            raise ValueError("give contact_id for a new order, or order_id for one that there is")
        if self.order_id is not None:
            given = {name for name in self.model_fields_set if getattr(self, name) is not None}
            if wrong := sorted(given - _OF_AN_ORDER):
                raise ValueError(f"{wrong[0]} is of a new order; leave it out beside order_id")
        elif self.items is not None and self.amount is not None:
            raise ValueError("give items or an amount, not both")
        return self


class CheckoutQuery(PageQuery):
    contact_id: Id | None = None
    order_id: Id | None = Field(None, description="Checkouts of this order.")
    opened: Flag | None = Field(
        None, description="`true`: whose session was opened; `false`: `opening`, `refused` and `given_up` ones."
    )
    created_from: Time | None = Field(None, description="Asked for at this time or later.")
    created_to: Time | None = Field(None, description="Asked for before this time.")


class CheckoutBody(Wire):
    id: str
    status: Standing = Field(
        description="`opening`: Stripe gave no clear answer yet, ask again; `open`: the customer can pay, or the "
        "payment is under way; `paid`, `failed`, `expired`: how the session ended; `refused`, `given_up`: nothing was "
        "made."
    )
    connection: str
    contact_id: str
    order_id: str | None = Field(description="The order that is paid for; null until it is made.")
    currency: str
    amount: int = Field(description="What is paid in it, in minor units.")
    session_id: str | None = Field(description="Stripe's id of the session.")
    url: str | None = Field(description="Where the customer pays, while the session is open.")
    problem: str | None = Field(description="Why nothing was made.")
    expires_at: datetime
    created_at: datetime
    opened_at: datetime | None


class CheckoutPage(Page[CheckoutBody]):
    pass
