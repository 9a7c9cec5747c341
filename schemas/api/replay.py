"""Applying events again, and what that would change (Q5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from schemas.api.event import State
from schemas.api.fields import Cursor, Id, Integral, Text, Time, Wire, left_out

IDS_LIMIT = 1000
EVENTS_LIMIT = 10_000
"""Events that one request applies again at most."""
EXAMINED_LIMIT = 200
"""Events of which one dry run says what they would change."""


def _unlike(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


class ReplayWish(Wire):
    """Which events. The filters are those of `GET /api/v1/events`, and all that are given must hold; at least one of
    them, or `ids`, must be given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"connection": "stripe", "state": "dead"}, {"state": "dead", "dry_run": True}]}
    )

    ids: Annotated[list[Id], AfterValidator(_unlike)] = Field(
        default_factory=left_out, min_length=1, max_length=IDS_LIMIT, description="Events by their ids."
    )
    connection: Text = Field(default_factory=left_out, description="Name of a connection.", examples=["stripe"])
    topic: Text = Field(
        default_factory=left_out,
        description="The provider's topic; a `*` at the end stands for anything.",
        examples=["charge.*"],
    )
    state: State = Field(default_factory=left_out)
    received_from: Time = Field(default_factory=left_out, description="Received at this time or later.")
    received_to: Time = Field(default_factory=left_out, description="Received before this time.")
    q: Text = Field(
        default_factory=left_out,
        description="An event's id, a delivery id, or the id of an object or order that the event speaks of.",
    )
    dry_run: bool = Field(False, description="Change nothing, and say what would change.")
    limit: Annotated[int, Field(ge=1, le=EVENTS_LIMIT), Integral] = Field(
        EVENTS_LIMIT, description="How many events at most are applied again, or counted by a dry run."
    )
    examine: Annotated[int, Field(ge=0, le=EXAMINED_LIMIT), Integral] = Field(
        EXAMINED_LIMIT,
        description="Of how many events a dry run says what they would change, the newest first; 0 only counts.",
    )
    cursor: Cursor = Field(
        default_factory=left_out, description="`next_cursor` of the answer before, with the same filters."
    )

    @property
    def filters(self) -> dict[str, Any]:
        """What was given of the filters, by name."""
        given = self.model_dump(exclude={"dry_run", "limit", "examine", "cursor"})
        return {name: value for name, value in given.items() if value is not None}


class ReplayOne(Wire):
    """How an event is applied again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool = Field(False, description="Change nothing, and say what would change.")


class Replayed(Wire):
    count: int = Field(description="How many events are applied again now, in the lane `bulk`.")
    event_ids: list[str] = Field(description="Which: ask for one, or for up to 1,000 of them with `dry_run`.")
    skipped: int = Field(description="How many were found and left alone, since they are on their way already.")
    pruned: int = Field(description="How many were found and cannot be applied again, since their bodies are gone.")
    pending: int = Field(
        description="How many events of the account are received and not applied, these among them; counted to 10,000."
    )
    next_cursor: str | None = Field(
        description="There may be more: send it as `cursor` with the same filters, after a moment where `count` is 0, "
        "since no more than 10,000 are put on their way at once. Null at the end."
    )


class ReplayChange(Wire):
    """One field of an order that would change."""

    event_ids: list[str] = Field(description="The events that are part of the order, of those examined.")
    order_id: str | None = Field(description="Null for an order that does not exist yet.")
    number: int | None
    created: bool = Field(description="Whether the order would be made.")
    field: str = Field(description="`created` for a new order; `merged_into` for one that would become another's part.")
    from_: Any = Field(alias="from", description="The value now.")
    to: Any = Field(description="The value afterwards. One of more than 2,000 bytes is told by its size.")


class ReplayFailure(Wire):
    """An event that would not be applied."""

    event_id: str
    state: Literal["waiting", "retrying", "dead"]
    reason: str | None


class ReplayDiff(Wire):
    """What replaying would change. Nothing was changed to find out."""

    count: int = Field(description="How many events would be applied again, up to `limit`.")
    capped: bool = Field(description="There are more than were counted.")
    skipped: int = Field(description="How many are on their way already, and would be left alone.")
    pruned: int = Field(description="How many have no body any more, and cannot be applied again.")
    by_state: dict[State, int] = Field(description="What has become of all these events so far.")
    examined: int = Field(description="Of how many the rest speaks.")
    outcomes: dict[State, int] = Field(description="What would become of those examined.")
    unchanged: int = Field(description="How many of those examined would be applied or ignored, and change nothing.")
    changes: list[ReplayChange]
    not_applied: list[ReplayFailure]
