"""Retention as the API speaks it: how long bodies are kept, and how far their pruning is (Q8)."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from schemas.api.fields import Wire


class RetentionBody(Wire):
    days: int | None = Field(
        description="How many days the bodies and headers of settled events are kept; null for ever. Change "
        "`retention_days` of the account."
    )
    pruned_to: datetime | None = Field(
        description="Events received until then have been looked at; null before the first."
    )
    pruned: int = Field(description="How many events have no body any more.")
    left: int = Field(description="How many are older than their days and have not been looked at; counted to 10,000.")
    left_capped: bool = Field(description="There are more than were counted.")
    unsettled: int = Field(
        description="How many are older and keep their bodies, since they are not settled (waiting, retrying, dead); "
        "counted to 10,000."
    )
    oldest_at: datetime | None = Field(description="When the oldest event with a body was received, of those settled.")
    last_run_at: datetime | None
