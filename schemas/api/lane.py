"""Lanes as the API speaks them: what waits in each, who works on it, and whether somebody has paused it."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.api.fields import Wire
from schemas.api.page import Page
from schemas.lane import LaneState
from schemas.provider import Lane


class LaneBody(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "lane": "orders",
                    "does": "Orders and fulfilments",
                    "state": "paused",
                    "queued": 12,
                    "running": 0,
                    "slots": 8,
                    "deferred": 1,
                    "oldest_at": "2026-11-20T14:03:00Z",
                    "oldest_age_s": 61.5,
                    "paused_at": "2026-11-20T14:02:00Z",
                    "paused_by": "token:Ana",
                }
            ]
        }
    )

    lane: Lane
    does: str = Field(description="What is worked off in it.")
    state: LaneState = Field(
        description="`behind`: the oldest waits for more than 30 s; `no_worker`: none is alive. A paused lane is never "
        "behind."
    )
    queued: int = Field(
        description="Events that are received and not applied (of `charges`: recurring orders that are due); counted "
        "up to 100,000. A paused lane keeps them."
    )
    running: int = Field(description="Jobs under way, of all workers that are alive.")
    slots: int = Field(description="Jobs that those workers can hold at once.")
    deferred: int = Field(description="What failed for now and is tried again by itself later.")
    oldest_at: datetime | None = Field(description="Since when the oldest of the queue waits; null of an empty one.")
    oldest_age_s: float | None
    paused_at: datetime | None
    paused_by: str | None = Field(description="Who paused it: `token:<name>`.")


class LanePage(Page[LaneBody]):
    """Every lane there is, the most urgent first."""
