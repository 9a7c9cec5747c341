"""Stock: what is where, and what an order says of it (T4)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Bucket(StrEnum):
    ON_HAND = "on_hand"  # is there
    RESERVED = "reserved"  # is there, and promised
    INCOMING = "incoming"  # is not there yet, and expected


class StockKey(NamedTuple):
    """What a quantity of stock is counted by. Sorts in the order in which levels are locked."""

    location_id: str
    sku: str
    bucket: Bucket


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as far as stock goes. `carried`: a live transfer child has it."""

    sku: str | None
    quantity: Decimal
    service: bool = False
    carried: bool = False


class StockOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as far as stock goes. `parent_type` is None where there is no parent."""

    type: str
    status: str
    parent_type: str | None = None
    location_id: str | None = None
    destination_location_id: str | None = None
    moves_stock: bool = True
    lines: tuple[StockLine, ...] = ()
