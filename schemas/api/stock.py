"""Stock as the API speaks it: levels, the ledger, adjustments (T4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.api.fields import Difference, Figure, Id, Limit, Text, Time, Wire
from schemas.api.page import Page, PageQuery
from schemas.stock import Bucket

LevelCursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,2000}$")]


class StockQuery(Wire):
    limit: Limit = 50
    cursor: LevelCursor | None = Field(None, description="`next_cursor` of the page before. Leave it out to begin.")
    location_id: Id | None = None
    sku: Text | None = None
    negative: Literal["true", "false"] | None = Field(
        None, description="`true`: only where fewer than none are on hand; `false`: only where not."
    )


class StockLevel(Wire):
    location_id: str
    sku: str
    on_hand: int | str = Field(description="What is there. Below zero where more was sold than was ever counted in.")
    reserved: int | str = Field(description="What of it is promised to orders in processing.")
    incoming: int | str = Field(description="What is expected from orders in processing.")
    available: int | str = Field(description="`on_hand` less `reserved`.")
    negative: bool = Field(description="`on_hand` is below zero: count, and adjust.")


class StockPage(Page[StockLevel]):
    """By `sku`, then by location."""


class MovementQuery(PageQuery):
    location_id: Id | None = None
    sku: Text | None = None
    order_id: Id | None = Field(None, description="Moved by this order, or by one that was merged into it.")
    from_: Time | None = Field(None, alias="from", description="At this time or later.")
    to: Time | None = Field(None, description="Before this time.")


class StockMovement(Wire):
    id: str
    at: datetime
    location_id: str
    sku: str
    bucket: Bucket
    quantity: int | str = Field(description="Signed: what was added to the bucket.")
    order_id: str | None = Field(description="The order whose status, lines or locations changed.")
    actor: str = Field(description="Who changed the order or made the adjustment; `event` for a webhook.")
    reason: str | None = Field(description="Why, of an adjustment; an order's movement needs none.")


class StockMovementPage(Page[StockMovement]):
    pass


class StockAdjust(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "location_id": "01980f3c-0000-7000-8000-000000000001",
                    "sku": "COF-1",
                    "count": 40,
                    "reason": "Counted on Friday",
                },
                {
                    "location_id": "01980f3c-0000-7000-8000-000000000001",
                    "sku": "COF-1",
                    "difference": "-2",
                    "reason": "Broken in storage",
                },
            ],
            "oneOf": [
                {"required": [name], "properties": {name: {"type": ["integer", "string"]}}}
                for name in ("count", "difference")
            ],
        }
    )

    location_id: Id
    sku: Text
    count: Figure | None = Field(None, description="How many are on hand, as counted.")
    difference: Difference | None = Field(None, description="How many more are on hand; below zero for fewer.")
    reason: Text = Field(description="Why: it stays on the ledger.")

    @model_validator(mode="after")
    def _one(self) -> StockAdjust:
        if (self.count is None) == (self.difference is None):
            raise ValueError("give either the count or the difference")
        return self


class StockAdjusted(Wire):
    movement: StockMovement
    level: StockLevel
