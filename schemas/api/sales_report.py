"""The sales report as the API speaks it (S4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.api.fields import Currency, Flag, Time, Wire

By = Literal["currency", "payment_system", "offer", "offer_category", "manager", "contact"]
_COLUMN = "name|number|currency|orders|amount|received|refunded|funds"


class SalesQuery(Wire):
    by: By = Field("currency", description="By manager, only confirmed sales count; the system's have no name.")
    from_: Time | None = Field(
        None, alias="from", description="Paid at this time or later; 30 days before `to` unless given."
    )
    to: Time | None = Field(None, description="Paid before this time; now unless given.")
    currency: Currency | None = None
    include_test: Flag = Field("false", description="`true`: orders in test mode count too.")
    sort: Annotated[str, StringConstraints(pattern=rf"^-?({_COLUMN})$")] = Field(
        "-funds", description="A column; with `-` before it the largest first."
    )


class SalesTableQuery(SalesQuery):
    columns: Annotated[str, StringConstraints(pattern=rf"^({_COLUMN})(,({_COLUMN}))*$", max_length=200)] = Field(
        _COLUMN.replace("|", ","), description="Which columns, in which order, separated by commas."
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
        description="The id of the offer, category, manager or contact; the payment system. Null where there is none."
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
