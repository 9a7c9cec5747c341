"""Offers: what sales people sell."""

from __future__ import annotations

from schemas.catalog import Offer
from worker.store.db import Pooled
from worker.store.records import Numbered

RECORDS = Numbered("offers")


async def to_sell(connection: Pooled, account_id: str, offer_id: str) -> Offer | None:
    """The offer as an order needs it; None where there is none."""
    row = await connection.fetchrow(RECORDS.sql["to_sell"], account_id, offer_id)
    return Offer(**row) if row else None
