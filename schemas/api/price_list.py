"""Price lists as the API speaks them."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.api.fields import Amount, Currency, Figure, Flag, Slug, Text, Wire, left_out
from schemas.api.page import Page, PageQuery


class PriceListEntry(Wire):
    """What one of a sku costs, from a quantity on. The highest tier that a line's quantity reaches counts."""

    sku: Text
    unit_price: Amount = Field(description="Net price of one, in minor units.")
    from_quantity: Figure = Field("0", validate_default=False, examples=[10, "0.5"])


class PriceListCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slug": "wholesale",
                    "name": "Wholesale",
                    "currency": "BRL",
                    "entries": [
                        {"sku": "COF-1", "unit_price": 4490},
                        {"sku": "COF-1", "unit_price": 3990, "from_quantity": 10},
                    ],
                }
            ]
        }
    )

    slug: Slug = Field(description="Unique within the account.")
    name: Text
    currency: Currency | None = Field(None, description="The account's unless given.")
    entries: list[PriceListEntry] = Field([], max_length=10_000)
    archived: bool = False


class PriceListPatch(Wire):
    """The fields to change. What is left out stays; `entries` takes the place of all entries."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"archived": True}]})

    slug: Slug = Field(default_factory=left_out)
    name: Text = Field(default_factory=left_out)
    currency: Currency = Field(default_factory=left_out)
    entries: list[PriceListEntry] = Field(default_factory=left_out, max_length=10_000)
    archived: bool = Field(default_factory=left_out)


class PriceListQuery(PageQuery):
    archived: Flag | None = None


class PriceListHead(Wire):
    """A price list without its entries."""

    id: str
    slug: str
    name: str
    currency: str
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class PriceListBody(PriceListHead):
    """A price list with its entries, by sku and quantity."""

    entries: list[PriceListEntry]


class PriceListPage(Page[PriceListHead]):
    pass
