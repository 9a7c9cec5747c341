"""Comparisons of what a platform lists with what was received, as the API speaks them (Q9)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field

from schemas.api.event import State
from schemas.api.fields import Time, Wire
from schemas.api.page import Page


class ReconciliationCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-20T00:00:00Z"}]})

    since: Time = Field(description="Of this time or later; Stripe lists 30 days.")
    until: Time | None = Field(None, description="Before this time; now unless given.")


class ReconciledDay(Wire):
    """`platform` = `received` + `recovered`. What is complete has as many `applied`."""

    day: date = Field(description="UTC.")
    platform: int = Field(description="Events that the platform lists, of the types that Daybook acts on.")
    received: int = Field(description="Of these, there before.")
    recovered: int = Field(description="Of these, missing: put through the inbox by this comparison.")
    applied: int = Field(description="Of these, applied or ignored by now.")
    pending: int = Field(description="Of these, put through and not tried yet.")


class ReconciliationBody(Wire):
    id: str
    asked_by: str = Field(description="`daybook`, or who asked for it (`token:<name>`).")
    state: Literal["running", "done", "failed"]
    since: datetime
    until: datetime
    progress: float = Field(description="From 0 to 1, by time: the list goes back from `until` to `since`.")
    problem: str | None = Field(description="Why it has failed, or what holds it up.")
    platform: int
    received: int
    recovered: int
    applied: int
    pending: int
    days: list[ReconciledDay] = Field(description="Newest first.")
    created_at: datetime
    finished_at: datetime | None


class ReconciliationPage(Page[ReconciliationBody]):
    pass


class ReconciledDifference(Wire):
    """An event that the platform lists and that was `missing`, or was here and `not_applied`; and where it is now."""

    id: str = Field(description="The event's.")
    delivery_id: str = Field(description="The platform's id of it.")
    topic: str
    occurred_at: datetime
    kind: Literal["missing", "not_applied"]
    state: State
    reason: str | None


class DifferencePage(Page[ReconciledDifference]):
    pass
