"""Product templates: columns are checked when they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers import product_columns
from worker.store.db import Pooled
from worker.store.product_templates import columns


async def fit(connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse columns that cannot stand together, and formulas that cannot be computed."""
    if "columns" in asked:
        product_columns.check(columns(asked["columns"]))
    return asked
