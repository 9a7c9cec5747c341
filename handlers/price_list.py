"""Which unit price a line gets from a price list."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from handlers.errors import Refused
from schemas.catalog import Entry


def unit_price(entries: Iterable[Entry], sku: str, quantity: str) -> int | None:
    """The price of one, in minor units, from the highest tier that the quantity reaches; None where no tier does."""
    amount = Decimal(quantity)
    reached = [
        (Decimal(entry.from_quantity), entry.unit_price)
        for entry in entries
        if entry.sku == sku and Decimal(entry.from_quantity) <= amount
    ]
    return max(reached)[1] if reached else None


def check(entries: Iterable[Entry]) -> None:
    """Refuse two prices for the same sku from the same quantity on."""
    seen: set[tuple[str, Decimal]] = set()
    for place, entry in enumerate(entries):
        tier = (entry.sku, Decimal(entry.from_quantity))
        if tier in seen:
            raise Refused(
                "invalid", f"There are two prices for {entry.sku} from {entry.from_quantity} on.",
                field=f"entries.{place}", remedy="Keep one of them, or give them different quantities.",
            )  # fmt: skip
        seen.add(tier)
