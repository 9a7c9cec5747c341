"""One page of a list, and what every list is asked with."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from schemas.api.fields import Cursor, Limit, Wire

T = TypeVar("T", bound=Wire)


class PageQuery(Wire):
    limit: Limit = 50
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before. Leave it out for the newest.")


class Page(Wire, Generic[T]):
    """Newest first. What is added while you read never moves what comes after your cursor."""

    items: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")
