"""What a list of orders may be asked for. All that is given must hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.api.fields import Currency, Flag, Id, Text, Time
from schemas.api.page import PageQuery
from schemas.order import ManagedBy, OrderSource, OrderType, PaymentStatus, SalesStatus, Status


class OrderQuery(PageQuery):
    origin: Text | None = Field(None, description="The connection that brought it, or `api`, `manual`, `import`.")
    external_id: Text | None = None
    contact_id: Id | None = None
    deal_id: Id | None = None
    owner_id: Id | None = None
    status: Status | None = None
    payment_status: PaymentStatus | None = None
    source: OrderSource | None = None
    managed_by: ManagedBy | None = None
    type: OrderType | None = None
    parent_id: Id | None = Field(None, description="Made from this order.")
    recurring_order_id: Id | None = Field(None, description="Made within this recurring order.")
    recurring: Flag | None = Field(None, description="`true`: made within any recurring order; `false`: the rest.")
    sales_status: SalesStatus | None = None
    payment_type: Literal["full", "partial"] | None = None
    currency: Currency | None = Field(None, examples=["BRL"])
    offer_id: Id | None = None
    category_id: Id | None = Field(None, description="Of an offer in this category.")
    manager_id: Id | None = Field(None, description="The token that is in charge of the sale.")
    system: Text | None = Field(None, description="A payment of it went by this system.", examples=["stripe"])
    confirmed: Flag | None = Field(None, description="`true`: it is confirmed who made the sale; `false`: not yet.")
    livemode: Flag | None = Field(None, description="`false`: only orders in test mode; `true`: only the others.")
    created_from: Time | None = Field(None, description="Made at this time or later.")
    created_to: Time | None = Field(None, description="Made before this time.")
    paid_from: Time | None = Field(None, description="Paid at this time or later.")
    paid_to: Time | None = Field(None, description="Paid before this time.")
    q: Text | None = Field(
        None, description="Begins the external id, the platform's number, or words of the title; or is the number."
    )
