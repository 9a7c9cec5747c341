"""Locations as the API speaks them."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.api.fields import Flag, Slug, Text, Wire, left_out
from schemas.api.page import Page, PageQuery


class LocationCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"slug": "lisbon", "name": "Warehouse Lisbon"}]})

    slug: Slug = Field(description="Unique within the account.")
    name: Text
    archived: bool = False


class LocationPatch(Wire):
    """The fields to change. What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"archived": True}]})

    slug: Slug = Field(default_factory=left_out)
    name: Text = Field(default_factory=left_out)
    archived: bool = Field(default_factory=left_out)


class LocationQuery(PageQuery):
    archived: Flag | None = None


class LocationBody(Wire):
    id: str
    slug: str
    name: str
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class LocationPage(Page[LocationBody]):
    pass
