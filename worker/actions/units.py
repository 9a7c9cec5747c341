"""Units: things that are tracked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from handlers.errors import Refused
from schemas.account import Reach
from worker.actions.records import Fit, unknown
from worker.store import contact_reads, order_reads, products, units
from worker.store.db import Pooled


def fit(within: Reach) -> Fit:
    """What a unit has to fit, for who sees so far."""
    return partial(_fit, within)


async def _fit(
    within: Reach, connection: Pooled, account_id: str, asked: dict[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Refuse to name a contact or an order beyond reach, or to take a unit from one; units of a product that is not
    tracked one by one, and a line that is not of the order or sells something else. A unit that leaves its order
    leaves its line."""
    if "product_id" in asked:
        tracked = await products.is_tracked(connection, account_id, asked["product_id"])
        if tracked is None:
            raise unknown("product", "product_id")
        if not tracked:
            raise Refused(
                "invalid", "This product is not tracked one by one.", field="product_id",
                remedy="Set `tracked` of the product first.",
            )  # fmt: skip
    await _check_reach(within, connection, asked, before)
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


async def _check_reach(within: Reach, connection: Pooled, asked: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    named = {"contact_id": "contact", "order_id": "order"}
    for field, noun in named.items():
        if asked.get(field) is not None and not await _sees(within, connection, noun, asked[field]):
            raise unknown(noun, field)
    if within.owner_id is None or not {*named, "order_item_id"} & set(asked):
        return
    for field, noun in named.items():
        if before.get(field) is not None and not await _sees(within, connection, noun, before[field]):
            raise Refused(
                "not_owner", "Somebody has it whom you do not see.", field=field,
                remedy="Ask a manager or an administrator to take it back.",
            )  # fmt: skip


async def _sees(within: Reach, connection: Pooled, noun: str, id_: str) -> bool:
    if noun == "contact":
        return bool(await contact_reads.read(connection, within, [id_]))
    return await order_reads.owner(connection, within, id_) is not None
