"""Offers: priced in a currency; recurring ones have an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.errors import Refused
from worker.actions import money
from worker.store.db import Pooled


async def fit(connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The offer as it is stored. Refused for an unknown currency, and where recurring and interval do not agree."""
    if "currency" in asked or not before:
        asked["currency"] = await money.currency(connection, account_id, asked.get("currency"))
    if asked.get("recurring") is False and "interval" not in asked:
        asked["interval"] = None
    after = {**before, **asked}
    if after["recurring"] != (after.get("interval") is not None):
        raise Refused(
            "invalid", "A recurring offer has an interval, and no other has one.", field="interval",
            remedy='Give both, such as `"recurring": true, "interval": {"unit": "month", "count": 1}`, or neither.',
        )  # fmt: skip
    return asked
