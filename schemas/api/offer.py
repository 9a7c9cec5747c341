"""Offers and their categories as the API speaks them (S1)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.api.fields import Amount, Currency, Flag, Id, Integral, Text, Wire, left_out
from schemas.api.page import Page, PageQuery


class Interval(Wire):
    """How often a recurring offer is paid for."""

    unit: Literal["day", "week", "month"]
    count: Annotated[int, Field(ge=1, le=1000), Integral]


class OfferCategoryCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Courses"}]})

    name: Text = Field(description="Unique within the account.")
    archived: bool = False


class OfferCategoryPatch(Wire):
    """The fields to change. What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Courses and workshops"}]})

    name: Text = Field(default_factory=left_out)
    archived: bool = Field(default_factory=left_out)


class OfferCategoryQuery(PageQuery):
    archived: Flag | None = None


class OfferCategoryBody(Wire):
    id: str
    number: int = Field(description="Serial within the account.")
    name: str
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class OfferCategoryPage(Page[OfferCategoryBody]):
    pass


class OfferCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Barista course, monthly",
                    "unit_price": 9900,
                    "currency": "BRL",
                    "recurring": True,
                    "interval": {"unit": "month", "count": 1},
                }
            ]
        }
    )

    name: Text
    category_id: Id | None = None
    unit_price: Amount
    currency: Currency | None = Field(None, description="The account's unless given.")
    several_units: bool = Field(False, description="Whether one order may buy more than one.")
    partial_payment: bool = Field(
        False, description="Whether it may be paid for in parts: if not, a payment by hand settles all that is owed."
    )
    recurring: bool = False
    interval: Interval | None = Field(None, description="Of a recurring offer, and of no other.")
    archived: bool = False


class OfferPatch(Wire):
    """The fields to change. What is left out stays; null clears a field that may be empty. Orders keep the name and
    price at which they were made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"unit_price": 10900}]})

    name: Text = Field(default_factory=left_out)
    category_id: Id | None = None
    unit_price: Amount = Field(default_factory=left_out)
    currency: Currency = Field(default_factory=left_out)
    several_units: bool = Field(default_factory=left_out)
    partial_payment: bool = Field(default_factory=left_out)
    recurring: bool = Field(default_factory=left_out, description="False takes the interval away.")
    interval: Interval | None = None
    archived: bool = Field(default_factory=left_out)


class OfferQuery(PageQuery):
    category_id: Id | None = None
    currency: Currency | None = None
    recurring: Flag | None = None
    archived: Flag | None = None
    q: Text | None = Field(None, description="Words of the name, or the number.")


class OfferBody(Wire):
    id: str
    number: int = Field(description="Serial within the account.")
    name: str
    category_id: str | None
    category_number: int | None
    category_name: str | None
    unit_price: int
    currency: str
    several_units: bool
    partial_payment: bool
    recurring: bool
    interval: Interval | None
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class OfferPage(Page[OfferBody]):
    pass
