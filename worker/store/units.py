"""Units: one record for each thing of a product that is tracked one by one."""

from __future__ import annotations

from worker.store.db import Pooled
from worker.store.records import Records

RECORDS = Records("units")


async def carries(connection: Pooled, account_id: str, order_id: str, item_id: str, product_id: str) -> bool:
    """Whether the order has this line, and it sells this product."""
    sold = await connection.fetchval(RECORDS.sql["sku_of_line"], account_id, order_id, item_id)
    return sold is not None and sold == await connection.fetchval(RECORDS.sql["sku_of_product"], account_id, product_id)
