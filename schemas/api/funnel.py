"""The checkout funnel as the API speaks it (P7)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from schemas.api.fields import Currency, Flag, Time, Wire

Step = Literal["day", "week", "month"]


class FunnelQuery(Wire):
    from_: Time | None = Field(
        None, alias="from", description="Opened at this time or later; 30 days before `to` unless given."
    )
    to: Time | None = Field(None, description="Opened before this time; now unless given.")
    by: Step = Field("day", description="How long a period is. They begin at midnight of the account's time zone.")
    currency: Currency | None = None
    include_test: Flag = Field("false", description="`true`: checkouts in test mode count too.")


class FunnelReason(Wire):
    reason: str = Field(examples=["insufficient funds"])
    orders: int


class FunnelFigures(Wire):
    """`opened` = `paid` + `failed` + `abandoned` + `open`, each order once, as it stands now."""

    currency: str
    opened: int = Field(description="Checkouts that were opened.")
    reached_payment: int = Field(description="Of these, in which the customer tried to pay.")
    paid: int = Field(description="Of which the whole amount was received, whatever was given back since.")
    failed: int = Field(description="Over and not paid, after a try that failed.")
    abandoned: int = Field(description="Over and not paid, without a try that failed.")
    open: int = Field(description="Not over yet, or paid in part.")
    failures: list[FunnelReason] = Field(description="What `failed` is, by the reason of the last try.")
    amount_opened: int
    amount_paid: int = Field(description="Received in all of them, before refunds.")


class FunnelPeriod(FunnelFigures):
    period: date = Field(description="The first day of the period.")


class Funnel(Wire):
    from_: datetime = Field(alias="from")
    to: datetime
    by: Step
    timezone: str
    items: list[FunnelPeriod] = Field(description="The newest first; periods without a checkout are left out.")
    totals: list[FunnelFigures] = Field(description="Of all periods, one for each currency.")
