"""Products: their prices have a currency, their attributes fit their template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers import product_columns
from schemas.catalog import Column
from worker.actions import money
from worker.actions.records import unknown
from worker.store import product_templates
from worker.store.db import Pooled


async def fit(connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The product as it is stored. Refused for a product template that is not there and for unfit attributes."""
    columns: tuple[Column, ...] = ()
    if "product_template" in asked:
        slug = asked.pop("product_template")
        found = await product_templates.of_slug(connection, account_id, slug) if slug else None
        if slug and (found is None or found["archived"]):
            raise unknown("product_template", "product_template")
        asked["product_template_id"] = found["id"] if found else None
        columns = product_templates.columns(found["columns"]) if found else ()
    elif before.get("product_template_id"):
        columns = await product_templates.columns_of(connection, account_id, before["product_template_id"])
    if "attributes" in asked:
        asked["attributes"] = product_columns.checked(columns, asked["attributes"])
    elif "product_template_id" in asked:
        asked["attributes"] = product_columns.checked(columns, before.get("attributes") or {})
    return await _priced(connection, account_id, asked, before)


async def _priced(
    connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """A price has a currency, the account's unless given; no price, none."""
    if not {"unit_price", "currency"} & set(asked) and before:
        return asked
    if {**before, **asked}.get("unit_price") is None:
        return {**asked, "unit_price": None, "currency": None}
    code = asked.get("currency") or (before.get("currency") if "currency" not in asked else None)
    return {**asked, "currency": await money.currency(connection, account_id, code)}
