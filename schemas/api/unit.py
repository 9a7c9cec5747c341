"""Units of products that are tracked one by one, as the API speaks them."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.api.fields import Attribute, Attributes, Flag, Id, Text, Wire, left_out
from schemas.api.page import Page, PageQuery


class UnitWish(Wire):
    contact_id: Id | None = Field(None, description="Who has it.")
    location_id: Id | None = Field(None, description="Where it is.")
    order_id: Id | None = Field(None, description="The order that it went out with.")
    order_item_id: Id | None = Field(None, description="The line of that order, whose sku is the product's.")


class UnitCreate(UnitWish):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"product_id": "01938c5e-3f00-7000-8000-000000000001", "serial_number": "SN-0001"}]
        }
    )

    product_id: Id = Field(description="A product that is `tracked`.")
    serial_number: Text = Field(description="Unique within the product.")
    attributes: Attributes = Field({})
    archived: bool = False


class UnitPatch(UnitWish):
    """The fields to change. What is left out stays; null clears a field that may be empty. `attributes` takes the place
    of all attributes. Another order without a line leaves the line empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"location_id": None}]})

    serial_number: Text = Field(default_factory=left_out)
    attributes: Attributes = Field(default_factory=left_out)
    archived: bool = Field(default_factory=left_out)


class UnitQuery(PageQuery):
    product_id: Id | None = None
    serial_number: Text | None = None
    contact_id: Id | None = None
    location_id: Id | None = None
    order_id: Id | None = None
    archived: Flag | None = None


class UnitBody(Wire):
    id: str
    product_id: str
    serial_number: str
    contact_id: str | None
    location_id: str | None
    order_id: str | None
    order_item_id: str | None
    attributes: dict[str, Attribute]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class UnitPage(Page[UnitBody]):
    pass
