"""The one shape of every error: RFC 9457 problem details."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ProblemField(BaseModel):
    """One thing that is wrong, and where."""

    model_config = ConfigDict(extra="allow")

    field: str = Field(description="The path of the field: `items.0.quantity`.", examples=["items.0.quantity"])
    message: str | None = Field(None, description="What is wrong with it.")


class Problem(BaseModel):
    """`detail` says what happened and what to do now."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Invalid content"])
    status: int = Field(ge=400, le=599)
    detail: str
    code: str | None = Field(None, description="A stable word for programs.", examples=["locked"])
    errors: list[ProblemField] | None = None
    locked_fields: list[str] | None = Field(None, description="Fields that Stripe manages on this order.")
    permission: str | None = Field(None, description="The permission that is missing.")
    request: str | None = Field(None, description="Names the line of the log that says more about a 500.")
