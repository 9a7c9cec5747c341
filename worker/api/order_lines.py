"""An order's lines as tables, one for each product template (T6)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from handlers import product_columns
from schemas.api.order_lines import LineCell, LineGroup, LineTemplate, OrderLine, OrderLines
from schemas.api.product_template import ProductColumn
from schemas.catalog import Value
from worker.api import order_views
from worker.api.operation import Ask, Operations, answer, missing
from worker.store import order_reads, product_templates, products
from worker.store.db import Pooled
from worker.store.order_reads import OrderRows
from worker.store.records import Row
from worker.store.snapshot import snapshot

OPERATIONS = Operations("orders", registry=True)


@OPERATIONS.declare("GET", "/orders/{order_id}/lines", "List an order's lines as tables", answer=OrderLines)
async def list_order_lines(ask: Ask, order_id: str) -> web.Response:
    """One table for each product template, with the columns that the template shows for the order's type, and each
    line's cells. Attributes are those of the moment of sale where the order was made with them, else the product's.
    A cell that cannot be computed says why.
    """
    async with snapshot(ask.ctx.pool) as connection:
        order_id = await order_reads.surviving(connection, ask.reach, order_id) or order_id
        orders = await order_reads.read(connection, ask.reach, [order_id])
        if not orders:
            return missing("orders")
        templates = await product_templates_of(connection, ask.actor.account_id, orders[0])
    order = orders[0].order
    groups = await tables(orders[0], templates)
    return answer(OrderLines(order_id=order["id"], type=order["type"], currency=order["currency"], groups=groups))


async def product_templates_of(connection: Pooled, account_id: str, rows: OrderRows) -> dict[str, Row]:
    """By sku, the product template of each line that has one."""
    return await products.templates_of_skus(
        connection, account_id, sorted({row["sku"] for row in rows.items if row["sku"]})
    )


async def tables(rows: OrderRows, templates: dict[str, Row]) -> list[LineGroup]:
    """The order's lines by product template, by the position of their first lines."""
    grouped: dict[str | None, list[Row]] = {}
    for row in rows.items:
        found = templates.get(row["sku"])
        grouped.setdefault(found["id"] if found else None, []).append(row)
    parent_id: str | None = rows.order["parent_id"]
    return [
        await _group(lines, templates, rows.order["type"], parent_id) if key else _plain(lines, parent_id)
        for key, lines in grouped.items()
    ]


def _plain(lines: Sequence[Row], parent_id: str | None) -> LineGroup:
    return LineGroup(
        product_template=None,
        columns=[],
        lines=[OrderLine(item=order_views.item(row, parent_id), cells={}) for row in lines],
    )


async def _group(lines: Sequence[Row], templates: dict[str, Row], order_type: str, parent_id: str | None) -> LineGroup:
    template = templates[lines[0]["sku"]]
    columns = product_templates.columns(template["columns"])
    asked = product_columns.shown(columns, order_type)
    table = product_columns.Table(columns)
    found = []
    for row in lines:
        sold = row["attributes"]
        attributes: dict[str, Value] = templates[row["sku"]]["attributes"] if sold is None else sold
        item = order_views.item(row, parent_id)
        cells = table.cells(asked, item.model_dump(), attributes)
        shown = {key: LineCell(**msgspec.structs.asdict(cell)) for key, cell in cells.items()}
        found.append(OrderLine(item=item, cells=shown))
        await asyncio.sleep(0)  # other requests have their turn, however many lines and formulas there are
    return LineGroup(
        product_template=LineTemplate(id=template["id"], slug=template["slug"], name=template["name"]),
        columns=[ProductColumn.model_validate(msgspec.to_builtins(column)) for column in asked],
        lines=found,
    )
