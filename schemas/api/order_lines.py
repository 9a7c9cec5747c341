"""An order's lines as tables: one for each product template (T6)."""

from __future__ import annotations

from pydantic import Field

from schemas.api.fields import Wire
from schemas.api.order import Item
from schemas.api.product_template import ProductColumn


class LineCell(Wire):
    """What a column shows for a line. Of `value` and `error` at most one is not null."""

    value: str | int | bool | None
    error: str | None = Field(description="Why there is no value, such as `it divides by zero`.")


class OrderLine(Wire):
    item: Item
    cells: dict[str, LineCell] = Field(description="By the key of the column.")


class LineTemplate(Wire):
    id: str
    slug: str
    name: str


class LineGroup(Wire):
    """The lines of one product template, by position. The lines of products without a template, and those whose sku is
    no product's, are in the group whose template is null."""

    product_template: LineTemplate | None
    columns: list[ProductColumn] = Field(description="Those that the template shows for the order's type.")
    lines: list[OrderLine]


class OrderLines(Wire):
    order_id: str
    type: str
    currency: str
    groups: list[LineGroup] = Field(description="By the position of their first lines.")
