"""Accounts as the API speaks them: the tenant that a token belongs to, and its settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from schemas.api.fields import Currency, Integral, Text, Wire
from schemas.api.page import Page

SHORTEST_S, LONGEST_S = 60, 90 * 86_400
Interval = Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S), Integral]


def _left_out() -> Any:
    """The default of a field that may be left out but is never null."""
    return None


Days = Annotated[int, Field(ge=1, le=36_500), Integral]


class AccountPatch(Wire):
    """The settings to change. What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"registry_enabled": True}]})

    currency: Currency = Field(default_factory=_left_out, description="ISO 4217; that of new orders that name none.")
    timezone: Text = Field(default_factory=_left_out, description="IANA name; for reports and schedules.")
    registry_enabled: bool = Field(
        default_factory=_left_out,
        description="Whether orders are kept. While it is off events are kept, and applied once it is on.",
    )
    owner_privacy: bool = Field(
        default_factory=_left_out, description="Whether a rep sees only what belongs to contacts and deals of theirs."
    )
    retry_intervals_s: list[Interval] = Field(
        default_factory=_left_out,
        min_length=1,
        max_length=10,
        description="Seconds between a recurring order's failed charge and each further attempt.",
        examples=[[86_400, 259_200]],
    )
    private_targets: bool = Field(
        default_factory=_left_out, description="Whether outgoing webhooks may go to private addresses."
    )
    charging_stopped: bool = Field(
        default_factory=_left_out,
        description="The switch that stops all charging. While it is on, no recurring order is charged and nothing "
        "is sent again; what came of earlier charges is still found out. What fell due meanwhile is charged once it is "
        "off.",
    )
    retention_days: Days | None = Field(
        default_factory=_left_out,
        description="How many days the bodies and headers of events that are applied or ignored are kept; null for "
        "ever. The events themselves stay, so that a second delivery is still known for one.",
    )


class AccountBody(Wire):
    id: str
    name: str
    currency: str
    timezone: str
    registry_enabled: bool
    owner_privacy: bool
    retry_intervals_s: list[int]
    private_targets: bool
    charging_stopped_at: datetime | None = Field(
        description="Since when nothing is charged; null while charging is on."
    )
    charging_stopped_by: str | None = Field(
        description="Who stopped it, as the timeline names them; or `command line`."
    )
    retention_days: int | None = Field(
        description="How many days the bodies of settled events are kept; null for ever."
    )
    version: int
    created_at: datetime
    updated_at: datetime


class AccountPage(Page[AccountBody]):
    pass
