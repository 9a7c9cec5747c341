"""Products as the API speaks them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from schemas.api.fields import Amount, Attribute, Attributes, Currency, Figure, Flag, Slug, Text, Wire, left_out
from schemas.api.page import Page, PageQuery
from schemas.catalog import ProductKind

_EXAMPLE: dict[str, Any] = {
    "sku": "COF-1",
    "name": "Coffee beans, 1 kg",
    "kind": "goods",
    "unit_price": 4990,
    "currency": "BRL",
    "tax_rate": "22",
}


class ProductCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    sku: Text = Field(description="Unique within the account.")
    name: Text
    kind: ProductKind = Field(ProductKind.GOODS, description="A service moves no stock.")
    unit_price: Amount | None = Field(None, description="Net price of one, in minor units.")
    currency: Currency | None = Field(None, description="Of the price; the account's unless given.")
    tax_rate: Figure | None = Field(None, description="A percentage.", examples=["22"])
    product_template: Slug | None = Field(None, description="Slug of a product template: its extra columns.")
    attributes: Attributes = Field({})
    tracked: bool = Field(False, description="Whether each unit has a record of its own (`units`).")
    archived: bool = False


class ProductPatch(Wire):
    """The fields to change. What is left out stays; null clears a field that may be empty. `attributes` takes the place
    of all attributes. Lines that were sold stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"unit_price": 5290}]})

    sku: Text = Field(default_factory=left_out)
    name: Text = Field(default_factory=left_out)
    kind: ProductKind = Field(default_factory=left_out)
    unit_price: Amount | None = None
    currency: Currency | None = None
    tax_rate: Figure | None = None
    product_template: Slug | None = None
    attributes: Attributes = Field(default_factory=left_out)
    tracked: bool = Field(default_factory=left_out)
    archived: bool = Field(default_factory=left_out)


class ProductQuery(PageQuery):
    sku: Text | None = None
    kind: ProductKind | None = None
    product_template: Slug | None = Field(None, description="Slug of a product template.")
    archived: Flag | None = None
    q: Text | None = Field(None, description="Begins the sku, or words of the name.")


class ProductBody(Wire):
    id: str
    sku: str
    name: str
    kind: ProductKind
    unit_price: int | None
    currency: str | None
    tax_rate: str | None
    product_template: str | None
    attributes: dict[str, Attribute]
    tracked: bool
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class ProductPage(Page[ProductBody]):
    pass
