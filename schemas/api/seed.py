"""Entries of seed files (T7): what the API takes for each type, and what only a seed says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas.api.contact import Email
from schemas.api.deal import DealCreate
from schemas.api.fields import NO_NUL, AnyJson, Id, Quantity, Short, Slug, Text, Wire
from schemas.api.location import LocationCreate
from schemas.api.offer import OfferCreate
from schemas.api.order import ItemWish, OrderWish
from schemas.api.price_list import PriceListCreate
from schemas.api.product import ProductCreate
from schemas.api.product_template import ProductTemplateCreate
from schemas.api.template import TemplateCreate
from schemas.seed import SeedType

Key = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]
OldId = Annotated[Id | None, Field(description="The id that it had where it was exported.")]


class SeedContact(Wire):
    """`identifiers`: all that it is known by: e-mail addresses, and the ids that senders give their customers
    (`stripe:cus_1`). `stated_at`: when each field was stated, in microseconds since 1970."""

    id: OldId = None
    external_id: Text | None = None
    identifiers: list[Key] = Field([], max_length=1000)
    email: Email | None = None
    name: Text | None = None
    phone: Text | None = None
    owner_id: Id | None = None
    anonymous: bool = False
    stated_at: dict[Literal["email", "name", "phone"], int] = Field({})

    @model_validator(mode="after")
    def _named(self) -> SeedContact:
        if not (self.email or self.name or self.phone or self.identifiers or self.anonymous):
            raise ValueError("a contact needs an e-mail address, a name, a phone number or an identifier")
        return self


class SeedDeal(DealCreate):
    id: OldId = None
    external_id: Text | None = None


class SeedOffer(OfferCreate):
    """`category`: the name of its category, which is made where there is none."""

    id: OldId = None
    external_id: Text | None = None
    category: Text | None = None


class SeedItem(ItemWish):
    """`parent_line`: the key of the parent's line that the line of a child carries; its sku will do."""

    parent_line: Text | None = None


class SeedOrder(OrderWish):
    """An order as somebody wrote it down. Title, slug, totals and summary follow unless they are given."""

    id: OldId = None
    external_id: Text | None = None
    external_number: Short | None = None
    slug: Slug | None = None
    origin: Literal["import", "api", "manual"] = "import"
    template: Slug = "sale"
    price_list: Slug | None = None
    quantity: Quantity | None = Field(None, validate_default=False)
    contact_id: Id | None = None
    parent_id: Id | None = Field(None, description="What an invoice, a shipping or a return was made from.")
    items: list[SeedItem] | None = Field(None, max_length=1000)  # type: ignore[assignment]


class SeedFacts(Wire):
    """An order as it was exported: all that was ever stated of it, from which it follows again."""

    id: Id
    origin: Text
    external_id: Text | None
    template: Slug
    contact_id: Id
    parent_id: Id | None = None
    facts: list[AnyJson] = Field(max_length=100_000)
    links: list[Key] = Field([], max_length=100_000)
    refs: list[Key] = Field([], max_length=100_000)


MODELS: dict[SeedType, type[Wire]] = {
    SeedType.LOCATION: LocationCreate,
    SeedType.CONTACT: SeedContact,
    SeedType.DEAL: SeedDeal,
    SeedType.PRODUCT_TEMPLATE: ProductTemplateCreate,
    SeedType.PRODUCT: ProductCreate,
    SeedType.PRICE_LIST: PriceListCreate,
    SeedType.TEMPLATE: TemplateCreate,
    SeedType.OFFER: SeedOffer,
    SeedType.ORDER: SeedOrder,
}
"""The shape of an entry of each type; an order with `facts` is SeedFacts."""
