"""Refused deliveries as the API speaks them. **No body and no header is ever in an answer.**"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.api.fields import Wire

Minutes = Annotated[int, Field(ge=1, le=10_080, description="How far to look back. Counts are kept for 7 days.")]
_SKEW = "Where the clock is the cause: how old the signature was in seconds, below zero how far ahead."
_HINT = "Where it was another connection's secret: the name of that connection."


class RefusalsQuery(Wire):
    minutes: Minutes = 1440


class CauseCount(Wire):
    cause: str = Field(description="A stable word for programs.", examples=["wrong_signature", "stale"])
    words: str = Field(description="The likely cause as people read it.")
    remedy: str = Field(description="What to do.")
    count: int
    last_at: datetime
    skew_s: int | None = Field(description=_SKEW)
    hint: str | None = Field(description=_HINT)


class Quarantined(Wire):
    id: str
    received_at: datetime
    cause: str
    skew_s: int | None = Field(description=_SKEW)
    hint: str | None = Field(description=_HINT)
    size: int = Field(description="Bytes of the body.")


class RefusalsBody(Wire):
    since: datetime
    total: int = Field(description="Deliveries refused since then.")
    causes: list[CauseCount] = Field(description="The most frequent first.")
    quarantine: list[Quarantined] = Field(description="The newest refused deliveries, up to 100, newest first.")


class VerifiedBody(Wire):
    events: list[str] = Field(description="Ids of the events that were let in.")
    let_in: int = Field(description="How many those are.")
    duplicates: int = Field(description="Deliveries that verify now and were here already.")
    left: int = Field(description="Deliveries that do not verify, and stay in quarantine.")
