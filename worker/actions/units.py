"""Units: things that are tracked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.errors import Refused
from worker.actions.records import unknown
from worker.store import products, units
from worker.store.db import Pooled


async def fit(connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse units of a product that is not tracked one by one, and a line that is not of the order or sells something
    else. A unit that leaves its order leaves its line."""
    if "product_id" in asked:
        tracked = await products.is_tracked(connection, account_id, asked["product_id"])
        if tracked is None:
            raise unknown("product", "product_id")
        if not tracked:
            raise Refused(
                "invalid", "This product is not tracked one by one.", field="product_id",
                remedy="Set `tracked` of the product first.",
            )  # fmt: skip
    if "order_id" in asked and "order_item_id" not in asked and asked["order_id"] != before.get("order_id"):
        asked["order_item_id"] = None
    if "attributes" in asked:
        asked["attributes"] = {key: value for key, value in asked["attributes"].items() if value is not None}
    after = {**before, **asked}
    if after.get("order_item_id") is None or not {"order_id", "order_item_id"} & set(asked):
        return asked
    if after.get("order_id") is None:
        raise Refused(
            "invalid", "A line is a line of an order.", field="order_id", remedy="Give the order_id of the line too."
        )
    if not await units.carries(connection, account_id, after["order_id"], after["order_item_id"], after["product_id"]):
        raise Refused(
            "order_item_unknown", "The order has no such line of this product.", field="order_item_id",
            remedy="Give the id of an item of the order whose sku is the product's.",
        )  # fmt: skip
    return asked
