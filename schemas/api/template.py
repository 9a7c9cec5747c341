"""Order templates as the API speaks them (T1)."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from schemas.api.fields import Slug, Text, Wire, left_out
from schemas.order import OrderType, Status

Children = dict[OrderType, list[Status]]
_PLACEHOLDERS = (
    "Placeholders in braces: {type}, {template}, {external_id}, {contact}, {date}, {year}, {month}, {currency}, "
    "{reference}, {parent_title}, {parent_number}, {sequence}. What is not known of an order leaves nothing."
)


class TemplateCreate(Wire):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slug": "wholesale",
                    "name": "Wholesale",
                    "type": "sale",
                    "title": "Wholesale {year}-{sequence}",
                    "children": {"invoice": ["processing", "completed"], "return": ["completed"]},
                }
            ]
        }
    )

    slug: Slug
    name: Text
    type: OrderType
    title: Text | None = Field(
        None,
        description=f"Naming convention of titles; that of the type's built-in template unless given. {_PLACEHOLDERS}",
    )
    slug_pattern: Text | None = Field(
        None, description="Naming convention of slugs; also {title}. The title unless given."
    )
    children: Children | None = Field(
        None,
        description="Which children may be made, in which statuses of the order; as the built-in one unless given.",
    )
    price_list: Slug | None = Field(None, description="Fills in unit prices of lines that name none.")
    moves_stock: bool = True


class TemplatePatch(Wire):
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Wholesale {contact} {date}"}]})

    name: Text = Field(default_factory=left_out)
    title: Text = Field(default_factory=left_out, description=_PLACEHOLDERS)
    slug_pattern: Text = Field(default_factory=left_out)
    children: Children = Field(default_factory=left_out)
    price_list: Slug | None = None
    moves_stock: bool = Field(default_factory=left_out)


class TemplateBody(Wire):
    slug: str
    name: str
    type: OrderType
    title: str
    slug_pattern: str
    children: Children
    price_list: str | None
    moves_stock: bool
    built_in: bool = Field(description="Whether it is Daybook's own. A change makes it the account's.")
    version: int


class TemplateList(Wire):
    """Every template, by slug: there are few."""

    items: list[TemplateBody]
