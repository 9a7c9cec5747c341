"""Price lists, each written together with its entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from handlers import price_list
from schemas.catalog import Entry
from worker.actions import money
from worker.actions.records import held, writing
from worker.context import Context
from worker.ids import new_id
from worker.store import price_lists
from worker.store.price_lists import RECORDS


async def create(ctx: Context, account_id: str, values: Mapping[str, Any]) -> str:
    """The id of a new price list. Refused for a slug that is taken and for two prices of one tier."""
    given = dict(values)
    entries = _entries(given.pop("entries"))
    price_list_id = new_id()
    async with writing(ctx, RECORDS) as connection:
        given["currency"] = await money.currency(connection, account_id, given.get("currency"))
        await RECORDS.insert(connection, account_id, price_list_id, given)
        await price_lists.write_entries(connection, account_id, price_list_id, entries)
    return price_list_id


async def change(
    ctx: Context, account_id: str, price_list_id: str, changes: Mapping[str, Any], if_match: int | None
) -> None:
    """Change the given columns; `entries` takes the place of all entries. Refused as in `create`, and with `not_found`
    and `version`."""
    given = dict(changes)
    entries = _entries(given.pop("entries")) if "entries" in given else None
    async with writing(ctx, RECORDS) as connection:
        before = await held(connection, account_id, RECORDS, price_list_id, if_match)
        if "currency" in given:
            given["currency"] = await money.currency(connection, account_id, given["currency"])
        after = {**before, **given}
        if entries is not None or after != before:
            await RECORDS.update(connection, account_id, price_list_id, after)
        if entries is not None:
            await price_lists.write_entries(connection, account_id, price_list_id, entries)


def _entries(given: Sequence[Mapping[str, Any]]) -> list[Entry]:
    found = [msgspec.convert(entry, Entry) for entry in given]
    price_list.check(found)
    return found
