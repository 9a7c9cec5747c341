"""Order templates (T1): what kind of order is made, what it is called, which children it may have."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.order import OrderType, Status


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """`title` and `slug_pattern` are naming conventions: text with placeholders in braces (`handlers.template`).
    `children`: the types of children that may be made, each with the statuses of the parent in which it may.
    `moves_stock`: whether orders of it have their type's effect on stock. `price_list`: slug of the list that fills in
    unit prices."""

    slug: str
    name: str
    type: OrderType
    title: str
    slug_pattern: str = "{title}"
    children: Mapping[OrderType, tuple[Status, ...]] = {}
    price_list: str | None = None
    moves_stock: bool = True
    built_in: bool = False
