"""Stock is a function of status (T4): what an order holds in the buckets follows from what it is now.

So a change moves stock by the difference between what follows now and what the ledger holds, and every path to a
status leaves the same stock.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import NamedTuple

from schemas.order import OrderType, Status
from schemas.stock import Bucket, StockKey, StockLine, StockOrder


class Side(StrEnum):
    """Which of an order's locations."""

    HERE = "location_id"
    THERE = "destination_location_id"


class Move(NamedTuple):
    """The quantity of each line is added to (`sign` 1) or taken from (-1) a bucket at one of the order's locations."""

    side: Side
    bucket: Bucket
    sign: int


RULES: Mapping[tuple[OrderType, OrderType | None], Mapping[Status, tuple[Move, ...]]] = {
    (OrderType.SALE, None): {
        Status.PROCESSING: (Move(Side.HERE, Bucket.RESERVED, 1),),
        Status.COMPLETED: (Move(Side.HERE, Bucket.ON_HAND, -1),),
    },
    (OrderType.PURCHASE, None): {
        Status.PROCESSING: (Move(Side.HERE, Bucket.INCOMING, 1),),
        Status.COMPLETED: (Move(Side.HERE, Bucket.ON_HAND, 1),),
    },
    (OrderType.TRANSFER, None): {
        Status.PROCESSING: (Move(Side.HERE, Bucket.RESERVED, 1), Move(Side.THERE, Bucket.INCOMING, 1)),
        Status.COMPLETED: (Move(Side.HERE, Bucket.ON_HAND, -1), Move(Side.THERE, Bucket.ON_HAND, 1)),
    },
    (OrderType.RETURN, OrderType.SALE): {
        Status.COMPLETED: (Move(Side.HERE, Bucket.ON_HAND, 1),),
    },
    (OrderType.RETURN, OrderType.PURCHASE): {
        Status.COMPLETED: (Move(Side.HERE, Bucket.ON_HAND, -1),),
    },
}
"""By type and, for a return, the type of the order that it returns. What is not here moves nothing."""

SKU_LIMIT = 255
"""Characters. Senders write prose into the field; what is longer names no product."""
_STEP = Decimal("0.000001")
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
"""Quantities have up to 31 digits before the point, and six after it count."""


def moves(type_: str, parent_type: str | None, status: str) -> tuple[Move, ...]:
    """What an order of this type does in this status."""
    for (ruled, parent), by_status in RULES.items():
        if ruled == type_ and parent in (None, parent_type):
            return by_status.get(Status(status), ())
    return ()


def effect(order: StockOrder) -> dict[StockKey, Decimal]:
    """What the order holds in each bucket, without zeros. A move between two locations needs both: with one of them
    unknown nothing moves, so that a transfer neither makes nor loses anything."""
    places = {Side.HERE: order.location_id, Side.THERE: order.destination_location_id}
    found: dict[StockKey, Decimal] = {}
    asked = moves(order.type, order.parent_type, order.status)
    if not order.moves_stock or not all(places[move.side] for move in asked):
        return found
    for line in order.lines:
        if not _counts(order, line):
            continue
        for move in asked:
            key = StockKey(places[move.side] or "", line.sku or "", move.bucket)
            quantity = EXACT.multiply(EXACT.quantize(line.quantity, _STEP), Decimal(move.sign))
            found[key] = EXACT.add(found.get(key, Decimal(0)), quantity)
    return {key: quantity for key, quantity in found.items() if quantity}


def _counts(order: StockOrder, line: StockLine) -> bool:
    """Whether the line moves stock on this order: goods by a name, and on a sale not those that a transfer carries."""
    if line.service or not line.sku or len(line.sku) > SKU_LIMIT:
        return False
    return not (line.carried and order.type == OrderType.SALE)


def differences(wanted: Mapping[StockKey, Decimal], held: Mapping[StockKey, Decimal]) -> dict[StockKey, Decimal]:
    """The movements that make what is held what is wanted, sorted, without zeros."""
    found = {
        key: EXACT.subtract(wanted.get(key, Decimal(0)), held.get(key, Decimal(0))) for key in sorted({*wanted, *held})
    }
    return {key: quantity for key, quantity in found.items() if quantity}


def adjustment(on_hand: Decimal, count: Decimal | None, difference: Decimal | None) -> Decimal:
    """The movement of an adjustment: a difference as it is told, or what makes what is on hand what was counted."""
    if count is not None:
        return EXACT.subtract(count, on_hand)
    return difference or Decimal(0)
