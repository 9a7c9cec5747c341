"""Contacts as the API speaks them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.api.fields import Id, Text, Wire
from schemas.api.page import Page, PageQuery

Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]


class ContactCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ana@example.com", "name": "Ana Silva"}],
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}} for name in ("email", "name", "phone")
            ],
        }
    )

    email: Email | None = Field(None, description="Kept in lower case; at most one contact has it.")
    name: Text | None = None
    phone: Text | None = None
    owner_id: Id | None = Field(None, description="The token of the person whose contact it is.")

    @model_validator(mode="after")
    def _named(self) -> ContactCreate:
        if not (self.email or self.name or self.phone):
            raise ValueError("a contact needs an e-mail address, a name or a phone number")
        return self


class ContactPatch(Wire):
    """The fields to change. What is left out stays; null clears a field."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"phone": "+55 11 5555-0100"}]})

    email: Email | None = Field(None, description="The contact stays known by the address that it had before.")
    name: Text | None = None
    phone: Text | None = None
    owner_id: Id | None = Field(None, description="The token of the person whose contact it is.")


class ContactQuery(PageQuery):
    q: Text | None = Field(None, description="Begins the e-mail address, or words of the name.")
    email: Email | None = None
    owner_id: Id | None = None


class ContactBody(Wire):
    id: str
    email: str | None
    name: str | None
    phone: str | None
    owner_id: str | None
    anonymous: bool = Field(description="Nobody knows who it was: a sale without a customer.")
    version: int
    created_at: datetime
    updated_at: datetime


class LifetimeTotal(Wire):
    """All orders of one currency, in its minor units: not counted are test orders, void ones, and the invoices and
    shipments of other orders."""

    currency: str
    orders: int
    amount: int
    paid: int = Field(description="What was received, before refunds.")
    refunded: int


class ContactCard(ContactBody):
    totals: list[LifetimeTotal] = Field(description="Lifetime totals, by currency.")


class ContactPage(Page[ContactBody]):
    pass
