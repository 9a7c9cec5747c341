"""What may be asked of one order beyond its fields: its lines and charges, its flow, its children, its money."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.api.fields import Amount, Figure, Id, Prose, Quantity, Short, Slug, Text, Time, Wire, left_out
from schemas.api.order import Address, ChargeKind, OrderBody
from schemas.order import Status


class ItemPatch(Wire):
    """The fields of a line to change; null clears one that may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quantity": 3}]})

    name: Text = Field(default_factory=left_out)
    sku: Text | None = None
    quantity: Quantity = Field(default_factory=left_out)
    unit_price: Amount = Field(default_factory=left_out)
    tax_rate: Figure | None = None
    discount: Amount = Field(default_factory=left_out)
    delivery_method: Short | None = None
    service: bool = Field(default_factory=left_out)


class ItemOrder(Wire):
    """All lines of the order, in the order in which they shall stand."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": ["01938c5e-3f00-8000-8000-000000000001"]}]})

    items: list[Id] = Field(max_length=1000)


class ChargePatch(Wire):
    """The fields of a charge to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "12.5"}]})

    kind: ChargeKind = Field(default_factory=left_out)
    mode: Literal["fixed", "percent"] = Field(default_factory=left_out)
    of: Literal["subtotal", "running"] | None = None
    value: Figure = Field(default_factory=left_out)
    sign: Literal[1, -1] = Field(default_factory=left_out)
    label: Short | None = None


class StatusWish(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "processing"}]})

    status: Status


class CarriedItem(Wire):
    item_id: Id = Field(description="A line of the parent.")
    quantity: Quantity | None = Field(
        None, description="A part of it; all of it unless given. Either way the line is used up for this type."
    )


class ChildCreate(Wire):
    """A child of an order. What is not said is taken over from the parent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "template": "invoice",
                    "items": [{"item_id": "01938c5e-3f00-8000-8000-000000000001", "quantity": 1}],
                }
            ]
        }
    )

    template: Slug = Field(description="Slug of an order template whose type the parent's template allows.")
    items: list[CarriedItem] | None = Field(
        None, min_length=1, max_length=1000, description="Lines to carry; all that are open unless given."
    )
    title: Text | None = None
    status: Literal["draft", "new", "processing", "completed"] | None = None
    contact_id: Id | None = None
    deal_id: Id | None = None
    owner_id: Id | None = None
    manager_id: Id | None = None
    location_id: Id | None = None
    destination_location_id: Id | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    due_at: Time | None = None
    notes: Prose | None = None


class ChildList(Wire):
    """The children of an order, oldest first."""

    items: list[OrderBody]


class PaymentCreate(Wire):
    """A payment that was made by hand: cash, a transfer, a cheque. In the order's currency."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 4990, "method": "cash"}]})

    amount: Amount = Field(gt=0)
    paid_at: Time | None = Field(None, description="Now unless given.")
    system: Short | None = Field(None, description="The payment system; `hand` unless given.")
    method: Short | None = Field(None, examples=["cash", "bank_transfer"])
    comment: Prose | None = None


class RefundCreate(Wire):
    """Money that was given back by hand."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 4990, "reason": "goods returned"}]})

    amount: Amount = Field(gt=0)
    payment_id: Id | None = Field(None, description="The payment that it gives back, where it is one of this order.")
    reason: Short | None = None
    refunded_at: Time | None = Field(None, description="Now unless given.")


class SaleConfirmation(Wire):
    """Who made the sale."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"as": "manager"}]})

    as_: Literal["system", "manager", "other"] | None = Field(
        None,
        alias="as",
        description="The system, the manager named on the order, or another (`manager_id`). Unless given: the manager "
        "whom the customer's sales plans propose for this offer, else the manager of the order, else the system.",
    )
    manager_id: Id | None = Field(None, description="Who made it, where that is another than is named on the order.")


class ManagerWish(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"manager_id": "01938c5e-3f00-7000-8000-000000000001"}]})

    manager_id: Id | None = Field(description="A token of the account; null takes the manager off.")
