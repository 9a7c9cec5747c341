"""The sales report as the API speaks it (S4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.api.fields import Currency, Flag, Id, Text, Time, Wire

By = Literal["currency", "payment_system", "offer", "offer_category", "manager", "contact", "day", "month"]
_COLUMN = "name|number|currency|orders|amount|received|refunded|funds"
Sort = Annotated[str, StringConstraints(pattern=rf"^-?({_COLUMN})$")]
Columns = Annotated[str, StringConstraints(pattern=rf"^({_COLUMN})(,({_COLUMN}))*$", max_length=200)]


class SalesFilter(Wire):
    """Which completed sales are meant, beside their time."""

    currency: Currency | None = None
    offer_id: Id | None = Field(None, description="Of this offer.")
    category_id: Id | None = Field(None, description="Of offers of this category.")
    manager_id: Id | None = Field(None, description="A token's id: confirmed as this manager's sales.")
    contact_id: Id | None = Field(None, description="Of this customer.")
    system: Text | None = Field(
        None,
        description="For which a payment by this system succeeded; by payment system, only what came by it.",
        examples=["stripe"],
    )
    confirmed: Flag = Field(
        "false", description="`true`: only sales of which it is confirmed who made them; by manager, always."
    )
    include_test: Flag = Field("false", description="`true`: orders in test mode count too.")


class SalesQuery(SalesFilter):
    by: By = Field(
        "currency",
        description="By manager, only confirmed sales count; the system's have no name. By day and month: of the "
        "account's calendar.",
    )
    from_: Time | None = Field(
        None, alias="from", description="Paid at this time or later; 30 days before `to` unless given."
    )
    to: Time | None = Field(None, description="Paid before this time; now unless given.")
    sort: Sort = Field(
        "-funds", description="A column; with `-` before it the largest first. Amounts: within each currency."
    )


class SalesTableQuery(SalesQuery):
    columns: Columns = Field(
        _COLUMN.replace("|", ","), description="Which columns, in which order, separated by commas."
    )
    units: Literal["minor", "major"] = Field(
        "minor", description="`major`: amounts as decimal numbers of the currency, such as `12.50`."
    )
    control: Flag = Field(
        "false",
        description="`true`: after the rows an empty line, then the totals of each currency, what was asked for, and "
        "when it was made.",
    )


class SalesFigures(Wire):
    """Completed sales of one currency, in its minor units. `funds` = `received` - `refunded`."""

    currency: str
    orders: int
    amount: int = Field(description="What they came to; by payment system, what was received.")
    received: int
    refunded: int
    funds: int


class SalesRow(SalesFigures):
    key: str | None = Field(
        description="The id of the offer, category, manager or contact; the payment system; the day `2026-11-21` or "
        "month `2026-11`. Null where there is none."
    )
    name: str | None
    number: int | None = Field(description="Of an offer or a category.")


class SalesReport(Wire):
    """Orders whose sales status is `completed`, by when they were paid (where a part was paid and confirmed: by when
    they were made). By payment system, each payment counts in its own currency."""

    by: By
    from_: datetime = Field(alias="from")
    to: datetime
    items: list[SalesRow]
    totals: list[SalesFigures] = Field(description="Of all rows, one for each currency.")
