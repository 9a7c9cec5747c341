"""Deals as the API speaks them: what a sales person works on, and which orders may belong to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.api.contact import LifetimeTotal
from schemas.api.fields import Amount, Currency, Id, Text, Wire
from schemas.api.page import Page, PageQuery

DealStatus = Literal["open", "won", "lost"]


class DealWish(Wire):
    """What may be said of a deal when it is made and when it is changed."""

    contact_id: Id | None = Field(None, description="The customer.")
    owner_id: Id | None = Field(None, description="The token of the person whose deal it is.")
    amount: Amount | None = None
    currency: Currency | None = Field(None, description="ISO 4217; the account's unless given.", examples=["BRL"])


class DealCreate(DealWish):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Beans for three cafés", "amount": 250_000, "currency": "BRL"}]}
    )

    title: Text
    status: DealStatus = "open"


def _left_out() -> Any:
    """The default of a field that may be left out but is never null."""
    return None


class DealPatch(DealWish):
    """The fields to change. What is left out stays; null clears a field that may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "won"}]})

    title: Text = Field(default_factory=_left_out)
    status: DealStatus = Field(default_factory=_left_out)


class DealQuery(PageQuery):
    contact_id: Id | None = None
    owner_id: Id | None = None
    status: DealStatus | None = None
    q: Text | None = Field(None, description="Begins words of the title.")


class DealBody(Wire):
    """Its orders are at `GET /api/v1/orders?deal_id=`."""

    id: str
    title: str
    contact_id: str | None
    owner_id: str | None
    status: DealStatus
    amount: int | None = Field(description="Minor units of the currency.")
    currency: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class DealCard(DealBody):
    totals: list[LifetimeTotal] = Field(description="What its orders came to, by currency.")


class DealPage(Page[DealBody]):
    pass
