"""Putting stock right by hand: a count, or a difference."""

from __future__ import annotations

from decimal import Decimal

from handlers import stock as rules
from schemas.stock import Bucket
from worker.actions import references
from worker.context import Context
from worker.ids import new_id
from worker.store import stock
from worker.store.db import transaction
from worker.store.stock import Movement


async def adjust(
    ctx: Context,
    actor: str,
    account_id: str,
    *,
    location_id: str,
    sku: str,
    count: Decimal | None,
    difference: Decimal | None,
    reason: str,
) -> str:
    """Add a movement of what is on hand: `difference`, or what makes it `count`. The movement's id. A count that finds
    what was expected is a movement of 0: that somebody counted is worth knowing. Refused: `location_unknown`."""
    movement_id = new_id()
    async with transaction(ctx.pool) as connection:
        await references.check_locations(connection, account_id, {"location_id": location_id})
        on_hand = await stock.hold_on_hand(connection, account_id, location_id, sku)
        made = Movement(
            id=movement_id,
            location_id=location_id,
            sku=sku,
            bucket=Bucket.ON_HAND,
            quantity=rules.adjustment(on_hand, count, difference),
            reason=reason,
        )
        await stock.add(connection, account_id, [made], int(ctx.clock() * 1_000_000), actor)
    return movement_id
