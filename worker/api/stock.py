"""Stock over the API: what is where, why, and putting it right."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import asyncpg
from aiohttp import web

from schemas.account import Permission
from schemas.api.stock import (
    MovementQuery,
    StockAdjust,
    StockAdjusted,
    StockLevel,
    StockMovement,
    StockMovementPage,
    StockPage,
    StockQuery,
)
from schemas.stock import Bucket
from worker.actions import stock as actions
from worker.api import cursor
from worker.api.operation import Ask, Operations, answer
from worker.api.order_views import figure
from worker.store import search, stock_reads
from worker.store.snapshot import snapshot

OPERATIONS = Operations("stock")


@OPERATIONS.declare("GET", "/stock", "List stock levels", query=StockQuery, answer=StockPage)
async def list_stock(ask: Ask, query: StockQuery) -> web.Response:
    """By product, then by location: all of which stock was ever moved. All filters given must hold."""
    place = cursor.decode_key("stock", query.cursor)
    async with snapshot(ask.ctx.pool) as connection:
        keys = await search.levels(connection, ask.actor.account_id, query.model_dump(), place, query.limit + 1)
        found = await stock_reads.levels(connection, ask.actor.account_id, keys[: query.limit])
    following = cursor.encode_key("stock", *keys[query.limit - 1]) if len(keys) > query.limit else None
    return answer(StockPage(items=[_level(*level) for level in found], next_cursor=following))


@OPERATIONS.declare("GET", "/stock/movements", "List stock movements", query=MovementQuery, answer=StockMovementPage)
async def list_stock_movements(ask: Ask, query: MovementQuery) -> web.Response:
    """The ledger, newest first: what each change of an order and each adjustment added to which bucket. Levels are its
    sums. The order is null to who does not see it."""
    place = cursor.decode("movements", query.cursor)
    before = (place.moment, place.id) if place else None
    async with snapshot(ask.ctx.pool) as connection:
        found = await search.movements(connection, ask.reach, query.model_dump(), before, query.limit + 1)
        rows = await stock_reads.movements(connection, ask.reach, [id_ for _, id_ in found[: query.limit]])
    return answer(cursor.page(StockMovementPage, [_movement(row) for row in rows], found, "movements", query.limit))


@OPERATIONS.declare(
    "POST",
    "/stock/adjustments",
    "Adjust stock",
    permission=Permission.CRM_MANAGE,
    body=StockAdjust,
    answer=StockAdjusted,
    statuses={201: "On the ledger."},
)
async def adjust_stock(ask: Ask, body: StockAdjust) -> web.Response:
    """Say how many are on hand, or how many more or fewer, and why. What orders reserve and expect follows from the
    orders, and is changed there."""
    movement_id = await actions.adjust(
        ask.ctx,
        ask.actor.label,
        ask.actor.account_id,
        location_id=body.location_id,
        sku=body.sku,
        count=None if body.count is None else Decimal(body.count),
        difference=None if body.difference is None else Decimal(body.difference),
        reason=body.reason,
    )
    async with snapshot(ask.ctx.pool) as connection:
        [row] = await stock_reads.movements(connection, ask.reach, [movement_id])
        [level] = await stock_reads.levels(connection, ask.actor.account_id, [(body.sku, body.location_id)])
    return answer(StockAdjusted(movement=_movement(row), level=_level(*level)), 201)


def _level(sku: str, location_id: str, held: Mapping[Bucket, Decimal]) -> StockLevel:
    on_hand, reserved = held[Bucket.ON_HAND], held[Bucket.RESERVED]
    return StockLevel(
        location_id=location_id,
        sku=sku,
        on_hand=figure(on_hand),
        reserved=figure(reserved),
        incoming=figure(held[Bucket.INCOMING]),
        available=figure(on_hand - reserved),
        negative=on_hand < 0,
    )


def _movement(row: asyncpg.Record) -> StockMovement:
    return StockMovement(**{**row, "quantity": figure(row["quantity"])})
