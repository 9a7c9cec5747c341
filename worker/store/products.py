"""Products, by sku."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from schemas.api.fields import plain
from schemas.catalog import Product
from worker.store.db import Pooled
from worker.store.records import Records, Row

RECORDS = Records("products")


async def of_skus(connection: Pooled, account_id: str, skus: Sequence[str]) -> dict[str, Product]:
    """The products of these skus that there are, by sku."""
    rows = await connection.fetch(RECORDS.sql["of_skus"], account_id, sorted(skus)) if skus else []
    return {row["sku"]: Product(**{**row, "tax_rate": rate(row["tax_rate"])}) for row in rows}


async def templates_of_skus(connection: Pooled, account_id: str, skus: Sequence[str]) -> dict[str, Row]:
    """By sku, for those whose product has a template: its `id`, `slug`, `name`, `columns`, and the product's
    `attributes` as they are now."""
    rows = await connection.fetch(RECORDS.sql["templates_of_skus"], account_id, sorted(skus)) if skus else []
    return {row["sku"]: row for row in rows}


async def is_tracked(connection: Pooled, account_id: str, product_id: str) -> bool | None:
    """Whether each unit of the product has a record of its own; None where there is no such product."""
    found: bool | None = await connection.fetchval(RECORDS.sql["is_tracked"], account_id, product_id)
    return found


def rate(stored: Decimal | None) -> str | None:
    """A tax rate as a decimal string."""
    return None if stored is None else plain(stored)
