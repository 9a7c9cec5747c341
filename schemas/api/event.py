"""Events as the API speaks them: one verified delivery, and what became of it (Q1)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.api.fields import Text, Time, Wire
from schemas.api.page import Page, PageQuery

State = Literal["received", "applied", "ignored", "waiting", "retrying", "dead"]


class EventQuery(PageQuery):
    connection: Text | None = Field(None, description="Name of a connection.", examples=["stripe"])
    topic: Text | None = Field(
        None, description="The provider's topic; a `*` at the end stands for anything.", examples=["charge.*"]
    )
    state: State | None = None
    received_from: Time | None = Field(None, description="Received at this time or later.")
    received_to: Time | None = Field(None, description="Received before this time.")
    q: Text | None = Field(
        None, description="An event's id, a delivery id, or the id of an object or order that the event speaks of."
    )


class EventBody(Wire):
    id: str
    connection: str
    provider: str
    topic: str
    delivery_id: str
    lane: Literal["payments", "orders", "bulk"]
    state: State
    reason: str | None = Field(description="Why it is ignored, waiting, retrying or dead.")
    attempts: int
    next_attempt_at: datetime | None
    livemode: bool
    id_conflict: bool = Field(description="The sender used this delivery id before, with another body.")
    occurred_at: datetime | None
    received_at: datetime
    applied_at: datetime | None
    pruned_at: datetime | None = Field(
        description="Since when its body and headers are gone (`retention_days`); null while they are here."
    )
    order_ids: list[str]


class EventPage(Page[EventBody]):
    pass
