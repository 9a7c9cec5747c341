"""Price lists over the API."""

from __future__ import annotations

from functools import partial

import msgspec
from aiohttp import web

from schemas.account import Permission
from schemas.api.price_list import (
    PriceListBody,
    PriceListCreate,
    PriceListEntry,
    PriceListHead,
    PriceListPage,
    PriceListPatch,
    PriceListQuery,
)
from worker.actions import price_lists as actions
from worker.api.operation import Ask, Operations
from worker.api.records import Resource, given, whole
from worker.store import price_lists
from worker.store.db import Pooled
from worker.store.records import Row

OPERATIONS = Operations("price-lists")


class _PriceLists(Resource[PriceListHead]):
    async def shown(self, connection: Pooled, account_id: str, row: Row) -> PriceListBody:
        """One price list with its entries; in a list they are left out."""
        found = await price_lists.entries(connection, account_id, row["id"])
        return PriceListBody(**row, entries=[PriceListEntry(**msgspec.structs.asdict(entry)) for entry in found])


_RESOURCE = _PriceLists("price-lists", price_lists.RECORDS, lambda row: PriceListHead(**row), PriceListPage)


@OPERATIONS.declare("GET", "/price-lists", "List price lists", query=PriceListQuery, answer=PriceListPage)
async def list_price_lists(ask: Ask, query: PriceListQuery) -> web.Response:
    """Newest first, without their entries. All filters given must hold."""
    return await _RESOURCE.list(ask, query)


@OPERATIONS.declare("GET", "/price-lists/{price_list_id}", "Get a price list", answer=PriceListBody, headers=("ETag",))
async def get_price_list(ask: Ask, price_list_id: str) -> web.Response:
    """One price list with its entries."""
    return await _RESOURCE.get(ask, price_list_id)


@OPERATIONS.declare(
    "POST",
    "/price-lists",
    "Create a price list",
    permission=Permission.SETTINGS_MANAGE,
    body=PriceListCreate,
    answer=PriceListBody,
    statuses={201: "Created."},
    errors=(409,),
    headers=("ETag", "Location"),
)
async def create_price_list(ask: Ask, body: PriceListCreate) -> web.Response:
    """An order that names its slug as `price_list` gets the unit prices of its skus. A slug belongs to one price list:
    409 where one has it.
    """
    price_list_id = await actions.create(ask.ctx, ask.actor.account_id, whole(body))
    return await _RESOURCE.get(ask, price_list_id, created=True)


@OPERATIONS.declare(
    "PATCH",
    "/price-lists/{price_list_id}",
    "Change a price list",
    permission=Permission.SETTINGS_MANAGE,
    body=PriceListPatch,
    answer=PriceListBody,
    errors=(409, 412),
    headers=("ETag",),
)
async def change_price_list(ask: Ask, price_list_id: str, body: PriceListPatch) -> web.Response:
    """Only the fields given are changed. Orders keep the prices at which they were made. A price list is not deleted
    but archived: then no order can name it.
    """
    write = partial(actions.change, ask.ctx, ask.actor.account_id, price_list_id, given(body))
    return await _RESOURCE.change(ask, price_list_id, write)
