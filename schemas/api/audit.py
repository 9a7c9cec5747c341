"""The audit as the API speaks it: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from schemas.api.fields import Text, Time, Wire
from schemas.api.page import Page, PageQuery


class AuditQuery(PageQuery):
    actor: Text | None = Field(None, description="Who: `token:` and the token's name.", examples=["token:admin"])
    operation: Text | None = Field(
        None, description="What: an operation's id in /api/openapi.json.", examples=["replay_events"]
    )
    from_: Time | None = Field(None, alias="from", description="At this time or later.")
    to: Time | None = Field(None, description="Before this time.")


class AuditEntry(Wire):
    """One change that somebody made."""

    id: str
    at: datetime
    actor: str = Field(description="`token:` and the name of the token.")
    token_id: str
    session: bool = Field(description="In a browser that signed in with this token.")
    operation: str
    summary: str = Field(description="The operation in words.")
    method: str
    path: str = Field(description="Below /api/v1, with its ids; of what was made, where that has an address.")
    status: int
    details: dict[str, Any] = Field(
        description="What is worth telling, such as a count or a name; else the names of the fields that were sent. "
        "Never a secret."
    )


class AuditPage(Page[AuditEntry]):
    pass
