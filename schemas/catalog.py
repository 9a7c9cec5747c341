"""What is sold, at which price, by whom: the shapes that the catalogue's rules speak of.

Amounts are integers in minor units of the `currency` beside them; quantities are decimal strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

Value: TypeAlias = str | int | bool | None
"""An attribute's value as JSON has it: a number is an integer or a decimal string, money minor units, a date
`YYYY-MM-DD`."""


class ProductKind(StrEnum):
    GOODS = "goods"
    SERVICE = "service"  # moves no stock


class ColumnType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # minor units of the order's currency
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """An extra column of a product template. With a `formula` it is computed for each line; else it is an attribute of
    the product. `order_types`: where a table of lines shows it; none given, everywhere."""

    key: str
    label: str
    type: ColumnType
    required: bool = False
    order_types: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    formula: str | None = None


class Cell(msgspec.Struct, frozen=True):
    """What one column shows for one line: a value, or in its place why there is none."""

    value: Value = None
    error: str | None = None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    name: str
    kind: str
    unit_price: int | None
    currency: str | None
    tax_rate: str | None
    attributes: Mapping[str, Value]
    archived: bool


class Entry(msgspec.Struct, frozen=True):
    """A price that holds for lines of this sku from a quantity on."""

    sku: str
    unit_price: int
    from_quantity: str = "0"


class PriceList(msgspec.Struct, frozen=True, kw_only=True):
    """A price list, with the entries that an order asks for."""

    slug: str
    currency: str
    archived: bool
    entries: tuple[Entry, ...]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    unit_price: int
    currency: str
    several_units: bool
    archived: bool
    partial_payment: bool = False


class SalesPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A manager's note that a customer pays for an offer, or for whatever it is. `created_at` in microseconds."""

    contact_id: str
    offer_id: str | None
    manager_id: str
    created_at: int
    id: str
