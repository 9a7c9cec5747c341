"""Sales plans as the API speaks them (S5)."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.api.fields import Id, Prose, Wire
from schemas.api.page import Page


class SalesPlanCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "Pays for the course in March"}]})

    offer_id: Id | None = Field(None, description="What the customer pays for; left out, whatever it is.")
    manager_id: Id | None = Field(None, description="A token's id: who is proposed for the sale. You, unless given.")
    note: Prose | None = None


class SalesPlanBody(Wire):
    id: str
    contact_id: str
    offer_id: str | None
    offer_name: str | None
    manager_id: str
    manager_name: str
    note: str | None
    created_at: datetime


class SalesPlanPage(Page[SalesPlanBody]):
    pass
