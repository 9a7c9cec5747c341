"""Price lists and their entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from schemas.api.fields import plain
from schemas.catalog import Entry, PriceList
from worker.store.db import Pooled, to_json
from worker.store.records import Records, Row

RECORDS = Records("price_lists")


async def entries(connection: Pooled, account_id: str, price_list_id: str) -> list[Entry]:
    """Every price of a list, by sku and quantity."""
    return _entries(await connection.fetch(RECORDS.sql["entries"], account_id, price_list_id))


async def write_entries(connection: Pooled, account_id: str, price_list_id: str, given: Sequence[Entry]) -> None:
    """Put these prices in place of all that the list had. The list is held, or new."""
    await connection.execute(RECORDS.sql["forget_entries"], account_id, price_list_id)
    rows = [msgspec.structs.asdict(entry) for entry in given]
    await connection.execute(RECORDS.sql["add_entries"], account_id, price_list_id, to_json(rows))


async def to_sell(connection: Pooled, account_id: str, slug: str, skus: Sequence[str]) -> PriceList | None:
    """The price list of a slug with its prices for these skus; None where there is none."""
    rows = await connection.fetch(RECORDS.sql["to_sell"], account_id, slug, sorted(skus))
    if not rows:
        return None
    prices = tuple(_entries(row for row in rows if row["sku"] is not None))
    return PriceList(slug=slug, currency=rows[0]["currency"], archived=rows[0]["archived"], entries=prices)


def _entries(rows: Iterable[Row]) -> list[Entry]:
    return [Entry(row["sku"], row["unit_price"], plain(row["from_quantity"])) for row in rows]
