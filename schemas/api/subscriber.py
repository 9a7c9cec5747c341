"""Subscribers of the outgoing feed as the API speaks them. A secret is in the answer that makes it only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from schemas.api.fields import Short, Url, Wire
from schemas.api.page import Page, PageQuery
from schemas.feed import DeliveryState, EventType, SubscriberState

Types = Annotated[list[EventType], Field(min_length=1, max_length=100)]
_TYPES = "What it is told; null: everything, also what later versions of Daybook will tell."
_URL = (
    "Where to post to: https, at an address that the internet can reach. With the account's setting `private_targets` "
    "also http and addresses inside."
)


class SubscriberCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://example.com/hooks/daybook", "types": ["order.paid", "order.refunded"]},
                {"url": "https://example.com/hooks/daybook", "description": "the warehouse"},
            ]
        }
    )

    url: Url = Field(description=_URL)
    description: Short | None = Field(None, description="For people.")
    types: Types | None = Field(None, description=_TYPES)


class SubscriberPatch(Wire):
    """Only what is given is changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"types": ["order.paid"]}]})

    url: Url = Field(default_factory=str, description=_URL)
    description: Short | None = Field(None, description="For people.")
    types: Types | None = Field(None, description=_TYPES)

    @model_validator(mode="after")
    def _something(self) -> SubscriberPatch:
        if not self.model_fields_set:
            raise ValueError("give what is to be changed: url, description, types")
        return self


class SubscriberBody(Wire):
    id: str
    url: str
    description: str | None
    types: list[str] | None = Field(description=_TYPES)
    state: SubscriberState = Field(
        description="`paused`: events gather and are sent once it is active again. `disabled`: it answered 410, "
        "nothing gathers."
    )
    reason: str | None = Field(description="Why it was disabled.")
    former_secret_until: datetime | None = Field(
        description="Until then messages carry a signature of the secret before, too."
    )
    version: int
    created_at: datetime
    updated_at: datetime


class SubscriberIssued(SubscriberBody):
    secret: str = Field(
        description="Verify messages with it. It is shown this once.", examples=["whsec_bm90IGEgc2VjcmV0"]
    )


class SubscriberPage(Page[SubscriberBody]):
    pass


class DeliveryQuery(PageQuery):
    state: DeliveryState | None = Field(
        None, description="Only those in this state; `dead` is what nobody sends any more."
    )


class DeliveryBody(Wire):
    """What became of one event told to one subscriber."""

    id: str = Field(description="The event's id: the header `webhook-id` of its message.")
    type: str = Field(examples=["order.paid"])
    subject_id: str = Field(description="What it is about: the order's id.")
    sequence: int = Field(description="Its number among the events of that order.")
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status: int | None = Field(description="The status of the last answer.")
    last_error: str | None = Field(description="Why the last attempt failed.")
    last_answer: str | None = Field(description="The beginning of the answer to the last attempt, where that failed.")
    settled_at: datetime | None = Field(description="When it was delivered, or given up.")
    created_at: datetime


class DeliveryPage(Page[DeliveryBody]):
    pass


class RetriedBody(Wire):
    retried: int = Field(description="Dead deliveries that are due again.")
    more: bool = Field(description="Whether some are left: ask once more.")
