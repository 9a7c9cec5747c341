"""Tokens as the API speaks them. The secret is in the answer that makes it, and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from schemas.account import Permission, Role
from schemas.api.fields import Time, Wire
from schemas.api.page import Page


class TokenCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "reporting", "role": "manager", "permissions": ["ops.view"]}]}
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[ -~]*[!-~][ -~]*$")] = Field(
        description="Who or what will use it."
    )
    role: Role
    permissions: list[Permission] = Field([], max_length=20)
    expires_at: Time | None = Field(None, description="When it stops to work by itself; never unless given.")


class TokenBody(Wire):
    id: str
    name: str
    role: Role
    permissions: list[Permission]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenIssued(TokenBody):
    token: str = Field(description="Send it as `Authorization: Bearer ...`. It is shown this once.")


class TokenPage(Page[TokenBody]):
    pass
