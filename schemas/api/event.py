"""Events as the API speaks them: one verified delivery, and what became of it (Q1)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from schemas.api.fields import NO_NUL, TEXT_LIMIT, Text, Time, Wire
from schemas.api.page import Page, PageQuery

State = Literal["received", "applied", "ignored", "waiting", "retrying", "dead"]
Reason: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_LIMIT, pattern=NO_NUL)]


class EventQuery(PageQuery):
    connection: Text | None = Field(None, description="Name of a connection.", examples=["stripe"])
    topic: Text | None = Field(
        None, description="The provider's topic; a `*` at the end stands for anything.", examples=["charge.*"]
    )
    state: State | None = None
    received_from: Time | None = Field(None, description="Received at this time or later.")
    received_to: Time | None = Field(None, description="Received before this time.")
    reason: Reason | None = Field(
        None,
        description="Why it waits, is retried or is dead, apart from ids and numbers in it (`…` stands for one). "
        "Looked for among events of the `state` that is given, else among those that are not settled.",
        examples=["no checkout, invoice or order that claims … has been seen yet"],
    )
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
