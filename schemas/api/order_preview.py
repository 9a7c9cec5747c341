"""What an order would come to, before anything is written down."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from schemas.api.fields import Amount, Currency, Id, Quantity, Slug, Wire
from schemas.api.order import ChargeEdit, ChargeKind, ItemEdit, OrderSummary


class OrderPreviewWish(Wire):
    """The part of an order that its figures follow from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "currency": "BRL",
                    "items": [{"name": "Coffee beans, 1 kg", "quantity": 2, "unit_price": 4990, "tax_rate": "10"}],
                    "charges": [{"kind": "shipping", "value": 1500}],
                }
            ]
        }
    )

    order_id: Id | None = Field(
        None, description="The order that would be changed: the figures are as PATCH would make them. Else a new one."
    )
    currency: Currency | None = Field(None, examples=["BRL"])
    items: list[ItemEdit] | None = Field(None, max_length=1000)
    charges: list[ChargeEdit] | None = Field(None, max_length=100)
    amount: Amount | None = None
    offer_id: Id | None = None
    quantity: Quantity | None = Field(None, validate_default=False)
    template: Slug | None = Field(None, description="Whose price list fills in prices, unless another is given.")
    price_list: Slug | None = None


class PreviewItem(Wire):
    """A line as it would be sold, with what the catalogue fills in."""

    sku: str | None
    name: str
    quantity: str
    unit_price: int
    tax_rate: str | None
    discount: int
    subtotal: int
    tax: int
    total: int


class PreviewCharge(Wire):
    kind: ChargeKind
    mode: Literal["fixed", "percent"]
    label: str | None
    amount: int = Field(description="Computed; as it counts towards the total.")


class OrderPreview(Wire):
    """Figures in minor units of `currency`."""

    currency: str
    items: list[PreviewItem]
    charges: list[PreviewCharge]
    summary: OrderSummary
