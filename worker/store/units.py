"""Units: one record for each thing of a product that is tracked one by one."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.account import Reach
from worker.store.db import Pooled
from worker.store.records import Records, Row


class _Units(Records):
    async def read(self, connection: Pooled, reach: Reach, ids: Sequence[str]) -> list[Row]:
        """The units of these ids that there are, in the order of the ids.

        That a thing is there, and where, is the whole account's to know, as its stock is; who has it is not. So every
        unit is shown, and a contact or an order that is beyond reach is null on it.
        """
        return await self._read(connection, ids, reach.account_id, ids, reach.owner_id)


RECORDS = _Units("units")


async def carries(connection: Pooled, account_id: str, order_id: str, item_id: str, product_id: str) -> bool:
    """Whether the order has this line, and it sells this product."""
    sold = await connection.fetchval(RECORDS.sql["sku_of_line"], account_id, order_id, item_id)
    return sold is not None and sold == await connection.fetchval(RECORDS.sql["sku_of_product"], account_id, product_id)
