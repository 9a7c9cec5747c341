"""Orders as the API speaks them (O3). Amounts are integers of the currency's minor unit, times RFC 3339 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from schemas.api.fields import (
    Amount,
    Attribute,
    Currency,
    Figure,
    Id,
    Prose,
    Quantity,
    Short,
    Slug,
    Text,
    Time,
    Url,
    Wire,
    left_out,
)
from schemas.api.page import Page
from schemas.order import ManagedBy, OrderSource, PaymentStatus, ShippingStatus, Status

ChargeKind = Literal[
    "discount", "promotion", "tax", "shipping", "surcharges", "additional_cost", "other", "price_adjustment"
]


class Address(Wire):
    name: Short | None = None
    company: Short | None = None
    line1: Short | None = None
    line2: Short | None = None
    city: Short | None = None
    state: Short | None = None
    postal_code: Short | None = None
    country: Short | None = None
    phone: Short | None = None


class ItemWish(Wire):
    """A line as it is sold. Subtotal, tax and total follow from it."""

    name: Text | None = Field(
        None, description="May be left out where `sku` is a product's: it is the product's then.", examples=["Coffee"]
    )
    sku: Text | None = Field(None, examples=["COF-1"])
    quantity: Quantity = Field("1", validate_default=False, examples=[2, "0.5"])
    unit_price: Amount | None = Field(
        None,
        description="Net price of one, in minor units. Left out, it is that of the price list, else of the product of "
        "this `sku`; 0 where there is neither.",
        examples=[4990],
    )
    tax_rate: Figure | None = Field(
        None,
        description="A percentage. Left out beside a name or price that the product gives, it is the product's.",
        examples=["22", "8.875"],
    )
    discount: Amount = Field(0, description="Off this line, in minor units.")
    delivery_method: Short | None = None
    service: bool = Field(False, description="Whether it is a service: it is not shipped and moves no stock.")


class ChargeWish(Wire):
    """A charge on the whole order. Its amount follows from it."""

    kind: ChargeKind
    mode: Literal["fixed", "percent"] = "fixed"
    of: Literal["subtotal", "running"] | None = Field(None, description="What a percentage is of; else the subtotal.")
    value: Figure = Field(description="Minor units where the mode is fixed, else a percentage.", examples=[1500, "10"])
    sign: Literal[1, -1] | None = Field(None, description="For `other` and `price_adjustment`: adds or subtracts.")
    label: Short | None = Field(None, description="What it is called, for people.")

    @model_validator(mode="after")
    def _fits(self) -> ChargeWish:
        if self.mode == "fixed" and "." in self.value:
            raise ValueError("a fixed value is a whole number of minor units")
        return self


class ItemEdit(ItemWish):
    """A line of an order that is changed as a whole."""

    id: Id | None = Field(
        None,
        description="A line that the order has: it stays that line, and of the other fields only what is given and "
        "differs is changed. Left out, it is a new line.",
    )


class ChargeEdit(ChargeWish):
    """A charge of an order that is changed as a whole."""

    id: Id | None = Field(None, description="A charge that the order has, which it stays. Left out, it is a new one.")


class OrderWish(Wire):
    """What may be said of an order when it is made and when it is changed."""

    title: Text | None = None
    currency: Currency | None = Field(None, description="ISO 4217; the account's unless given.", examples=["BRL"])
    items: list[ItemWish] | None = Field(None, max_length=1000)
    charges: list[ChargeWish] | None = Field(None, max_length=100)
    amount: Amount | None = Field(None, description="Only without items: it becomes one line named by the title.")
    deal_id: Id | None = None
    ordered_at: Time | None = None
    paid_at: Time | None = None
    due_at: Time | None = None
    status: Literal["draft", "new", "processing", "completed"] | None = None
    payment_status: PaymentStatus | None = Field(
        None, description="A note: no money moves because of it. Refused where it follows from payments."
    )
    amount_paid: Amount | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    shipping_status: ShippingStatus | None = None
    tracking_url: Url | None = Field(None, examples=["https://carrier.example/track/1"])
    location_id: Id | None = None
    destination_location_id: Id | None = None
    offer_id: Id | None = Field(
        None, description="Without items and amount, a new order gets one line: the offer's price x `quantity`."
    )
    owner_id: Id | None = None
    manager_id: Id | None = None
    notes: Prose | None = None


class OrderCreate(OrderWish):
    """A new order. With an `external_id` the same body may be sent again and again: one order is made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "contact_id": "01938c5e-3f00-7000-8000-000000000001",
                    "external_id": "shop-1001",
                    "title": "Order 1001",
                    "currency": "BRL",
                    "items": [{"sku": "COF-1", "name": "Coffee beans, 1 kg", "quantity": 2, "unit_price": 4990}],
                    "charges": [{"kind": "shipping", "value": 1500}],
                }
            ]
        }
    )

    contact_id: Id | None = Field(None, description="The customer, who exists already. Only a transfer needs none.")
    external_id: Text | None = Field(None, description="Your own id of the order; makes the request idempotent.")
    template: Slug | None = Field(None, description="Slug of an order template; `sale` unless given.")
    price_list: Slug | None = Field(
        None,
        description="Slug of a price list: it prices the items that have a `sku` and no `unit_price`. The template's "
        "unless given.",
    )
    quantity: Quantity | None = Field(
        None,
        validate_default=False,
        description="How many of the offer, with `offer_id` and neither items nor an amount; 1 unless given.",
    )


class OrderPatch(OrderWish):
    """The fields to change. What is left out stays; null clears a field that may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tracking_url": "https://carrier.example/track/1"}]})

    contact_id: Id = Field(default_factory=left_out)
    items: list[ItemEdit] | None = Field(  # type: ignore[assignment]
        None, max_length=1000, description="All lines of the order, in their order. What is not among them is removed."
    )
    charges: list[ChargeEdit] | None = Field(  # type: ignore[assignment]
        None, max_length=100, description="All charges of the order, in their order. What is not among them is removed."
    )
    currency: Currency = Field(default_factory=left_out)
    amount: Amount = Field(default_factory=left_out, description="Only where the order has no items of its own.")
    status: Literal["draft", "new", "processing", "completed"] = Field(default_factory=left_out)
    payment_status: PaymentStatus = Field(
        default_factory=left_out, description="A note; refused where it follows from payments."
    )
    ordered_at: Time = Field(default_factory=left_out)


class Item(Wire):
    id: str
    position: int
    sku: str | None
    name: str
    quantity: int | str = Field(description="An integer, or a decimal string.")
    unit_price: int
    tax_rate: str | None
    discount: int
    subtotal: int
    tax: int
    total: int
    delivery_method: str | None
    service: bool
    parent_item_id: str | None = Field(description="The line of the parent order that this one carries.")
    attributes: dict[str, Attribute] | None = Field(
        description="The product's attributes when the line was sold; null where no product was looked up."
    )


class OrderCharge(Wire):
    id: str
    position: int
    kind: ChargeKind
    mode: Literal["fixed", "percent"]
    of: Literal["subtotal", "running"] | None
    value: int | str = Field(description="Minor units where the mode is fixed, else a percentage as a decimal string.")
    sign: Literal[1, -1]
    amount: int = Field(description="Computed; as it counts towards the total.")
    label: str | None


class OrderPayment(Wire):
    """One attempt to move money for the order."""

    id: str
    number: int | None
    external_id: str
    status: Literal["pending", "processing", "requires_action", "succeeded", "failed", "canceled"]
    amount: int
    currency: str
    counted: int = Field(description="What it adds to the sum received, in the order's currency.")
    percent: str | None = Field(description="Of the order's amount, two decimals.")
    fee: int | None
    net: int | None
    system: str
    merchant: str | None
    method: str | None
    one_click: bool
    failure_code: str | None
    failure_reason: str | None
    comment: str | None
    attempted_at: datetime | None
    paid_at: datetime | None
    refunded: int
    dispute: str | None
    flag: str | None


class OrderRefund(Wire):
    id: str
    payment_id: str | None
    amount: int
    currency: str
    counted: int
    status: str
    reason: str | None
    refunded_at: datetime | None


class OrderDispute(Wire):
    id: str
    payment_id: str | None
    amount: int
    currency: str
    counted: int
    status: str
    reason: str | None
    evidence_due_at: datetime | None
    disputed_at: datetime | None


class OrderSummary(Wire):
    """`order_total` = `items_total` - the lines' discounts + the lines' taxes + the sum of `charges`."""

    items_total: int
    discounts_total: int
    taxes_total: int
    charges: dict[str, int] = Field(description="By kind, as they count towards the total.")
    shipping_total: int
    order_total: int
    paid: int
    refunded: int
    remaining: int


class StripeIds(Wire):
    """The latest id of each kind that decides, and every id seen."""

    checkout_session_id: str | None = None
    payment_intent_id: str | None = None
    subscription_id: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    links: list[str] = Field([])


class OrderBody(Wire):
    id: str
    number: int | None
    title: str
    slug: str
    type: str
    template_id: str | None
    status: Status
    payment_status: PaymentStatus
    shipping_status: ShippingStatus
    source: OrderSource
    managed_by: ManagedBy
    origin: str
    external_id: str | None
    contact_id: str
    deal_id: str | None
    owner_id: str | None
    parent_id: str | None
    location_id: str | None
    destination_location_id: str | None
    offer_id: str | None
    manager_id: str | None
    sales_status: Literal["open", "completed", "declined", "refund"]
    sale_kind: Literal["system", "user"]
    sale_confirmed_at: datetime | None
    sale_confirmed_by: str | None
    payment_type: Literal["full", "partial"]
    external_number: str | None
    livemode: bool
    notes: str | None
    currency: str
    amount: int
    shipping_amount: int
    amount_paid: int = Field(description="What was received, before refunds.")
    amount_refunded: int
    is_paid: bool
    ordered_at: datetime
    paid_at: datetime | None
    due_at: datetime | None
    billing_address: Address | None
    shipping_address: Address | None
    tracking_url: str | None
    items: list[Item]
    charges: list[OrderCharge]
    summary: OrderSummary
    payments: list[OrderPayment]
    refunds: list[OrderRefund]
    disputes: list[OrderDispute]
    stripe: StripeIds
    locked_fields: list[str] = Field(description="Fields that Stripe manages on this order: changing them is refused.")
    version: int
    created_at: datetime
    updated_at: datetime


class FieldChange(Wire):
    field: str
    from_: Any = Field(alias="from", description="The value before.")
    to: Any = Field(description="The value after.")


class TimelineEntry(Wire):
    """One change of the order: when, who or which events, which fields from what to what."""

    id: str
    at: datetime
    actor: str = Field(description="`event`, `daybook`, or who asked for it (`token:<name>`).")
    event_ids: list[str]
    changes: list[FieldChange]


class ExplainedStatement(Wire):
    """One claim about one object, which still decides at least one of its fields."""

    at: datetime = Field(description="The sender's own time.")
    key: str = Field(description="The object it speaks of.")
    kind: str
    event_id: str | None = Field(description="The event it came in.")
    actor: str | None = Field(description="The person who stated it, where it came in no event.")
    fields: dict[str, Any]


class Explanation(Wire):
    """Why an order's payment state is what it is: the facts in order, the sums, the rule that fired."""

    order_id: str
    payment_status: PaymentStatus
    rule: str
    derived: bool = Field(description="Whether it follows from payment facts; else it is a note that a person set.")
    currency: str
    amount: int
    received: int
    returned: int
    remaining: int
    due_at: datetime | None
    payments: list[OrderPayment]
    refunds: list[OrderRefund]
    disputes: list[OrderDispute]
    statements: list[ExplainedStatement]


class OrderPage(Page[OrderBody]):
    pass


class TimelinePage(Page[TimelineEntry]):
    pass
