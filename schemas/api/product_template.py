"""Product templates as the API speaks them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api.fields import NO_NUL, AttributeKey, Flag, Slug, Text, Wire, left_out
from schemas.api.page import Page, PageQuery
from schemas.catalog import ColumnType
from schemas.order import OrderType

FormulaText = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NO_NUL)]
_EXAMPLE: dict[str, Any] = {
    "slug": "coffee",
    "name": "Coffee",
    "columns": [
        {"key": "weight", "label": "Weight, g", "type": "number", "required": True},
        {"key": "roast", "label": "Roast", "type": "choice", "options": ["light", "dark"], "order_types": ["sale"]},
        {"key": "shipped_weight", "label": "Together, kg", "type": "number", "formula": "quantity * weight / 1000"},
        {"key": "size", "label": "Size", "type": "text", "formula": 'if(shipped_weight > 20, "pallet", "parcel")'},
    ],
}


class ProductColumn(Wire):
    """An extra column. A formula speaks of other columns by their keys, and of the line: `position`, `sku`, `name`,
    `quantity`, `unit_price`, `tax_rate`, `discount`, `subtotal`, `tax`, `total` (minor units), `delivery_method`. It
    has `+ - * / // %`, comparisons, `and`, `or`, `not`, `min`, `max`, `round(x, digits)`, `abs` and
    `if(test, then, else)`. It reckons in decimals."""

    key: AttributeKey = Field(description="Unique within the template: how formulas and attributes name it.")
    label: Text
    type: ColumnType = Field(description="Of a formula: what it gives, one of number, money, text, boolean.")
    required: bool = Field(False, description="Whether every product of the template has to have it.")
    order_types: list[OrderType] = Field([], max_length=9, description="Where it is shown; none given, everywhere.")
    options: list[Text] = Field([], max_length=100, description="What a choice chooses from.")
    formula: FormulaText | None = Field(None, description="Computed for each line.", examples=["quantity * weight"])


class ProductTemplateCreate(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    slug: Slug = Field(description="Unique within the account.")
    name: Text
    columns: list[ProductColumn] = Field([], max_length=50, description="In the order in which they are shown.")
    archived: bool = False


class ProductTemplatePatch(Wire):
    """The fields to change. What is left out stays; `columns` takes the place of all columns."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Coffee and tea"}]})

    slug: Slug = Field(default_factory=left_out)
    name: Text = Field(default_factory=left_out)
    columns: list[ProductColumn] = Field(default_factory=left_out, max_length=50)
    archived: bool = Field(default_factory=left_out)


class ProductTemplateQuery(PageQuery):
    archived: Flag | None = None


class ProductTemplateBody(Wire):
    id: str
    slug: str
    name: str
    columns: list[ProductColumn]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class ProductTemplatePage(Page[ProductTemplateBody]):
    pass
