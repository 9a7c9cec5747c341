"""Stock: the only writer of its ledger and levels.

An order's movements are never told one by one: `settle` compares what follows from the order's rows with what the
ledger holds, and adds the difference. So it may run any number of times, and whatever was done before does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from handlers import stock
from handlers.reading import moment
from schemas.order import Order, OrderType
from schemas.stock import Bucket, StockKey, StockLine, StockOrder
from worker.ids import new_id
from worker.store.db import Pooled, to_json
from worker.store.statements import statements

_SQL = statements("stock")
_CHUNK = 500
_TOLD = 20
_Quantities = dict[StockKey, Decimal]


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger to be. It has an order, or a reason."""

    id: str
    location_id: str
    sku: str
    bucket: str
    quantity: Decimal
    order_id: str | None = None
    reason: str | None = None


def concerned(before: Order | None, after: Order) -> bool:
    """Whether a change of an order may change stock, its own or its parent's. Said without a look at the database:
    most orders come from webhooks, have no location, and pay nothing for this."""
    if not any(order is not None and _placed(order) for order in (before, after)):
        return False
    return before is None or _said(before) != _said(after)


def _placed(order: Order) -> bool:
    """Whether the order moves stock, or keeps its parent from it: a transfer does so without a location of its own."""
    return bool(order.location_id or order.destination_location_id) or order.type == OrderType.TRANSFER


def _said(order: Order) -> tuple[Any, ...]:
    return order.type, order.status, order.location_id, order.destination_location_id, order.lines


async def hold(connection: Pooled, account_id: str, order_ids: Iterable[str]) -> list[str]:
    """Lock the rows of these orders and of their parents, in one order; the ids of those that are there."""
    rows = await connection.fetch(_SQL["hold_orders"], account_id, sorted(set(order_ids)))
    return [row["id"] for row in rows]


async def settle(connection: Pooled, account_id: str, order_ids: Iterable[str], now: int, actor: str) -> None:
    """Make the ledger of these orders, and of their parents, what follows from their rows as this transaction has
    written them: orders, lines and `carried_lines`. `now` in microseconds. An order that is gone (it was merged into
    another) is left with nothing.

    Runs in the transaction that changed the orders, once, after all of it: levels are locked from here to the commit.
    """
    asked = set(order_ids)
    ids = sorted(asked.union(await hold(connection, account_id, asked)))
    movements = [
        Movement(id=new_id(), order_id=order_id, **key._asdict(), quantity=quantity)
        for order_id, difference in sorted((await _unsettled(connection, account_id, ids)).items())
        for key, quantity in difference.items()
    ]
    if movements:
        await add(connection, account_id, movements, now, actor)


async def add(connection: Pooled, account_id: str, movements: Sequence[Movement], now: int, actor: str) -> None:
    """Write movements down, and add them to the levels."""
    rows = [{**msgspec.structs.asdict(one), "quantity": format(one.quantity, "f")} for one in movements]
    await connection.execute(_SQL["add_movements"], account_id, to_json(rows), moment(now), actor)


async def hold_on_hand(connection: Pooled, account_id: str, location_id: str, sku: str) -> Decimal:
    """How many are on hand; nobody else changes that before this transaction ends."""
    found: Decimal = await connection.fetchval(_SQL["hold_on_hand"], account_id, location_id, sku)
    return found


async def unsettled(connection: Pooled) -> list[dict[str, Any]]:
    """(Some of) the orders whose ledger is not what follows from them; empty if all is well. Runs in a transaction."""
    found: list[dict[str, Any]] = []
    chunk: list[str] = []
    account_id = ""

    async def look() -> None:
        if chunk and len(found) < _TOLD:
            for order_id, difference in (await _unsettled(connection, account_id, chunk)).items():
                key, quantity = next(iter(difference.items()))
                found.append({"account_id": account_id, "id": order_id, **key._asdict(), "lacks": quantity})
        chunk.clear()

    async for row in connection.cursor(_SQL["moving_orders"], prefetch=_CHUNK):
        if row["account_id"] != account_id or len(chunk) >= _CHUNK:
            await look()
            account_id = row["account_id"]
        chunk.append(row["id"])
    await look()
    return found[:_TOLD]


async def _unsettled(connection: Pooled, account_id: str, ids: Sequence[str]) -> dict[str, _Quantities]:
    """What the ledger lacks of each order's effect, for those where it lacks anything."""
    orders = await _read(connection, account_id, ids)
    moved: dict[str, _Quantities] = {}
    for row in await connection.fetch(_SQL["moved"], account_id, ids):
        key = StockKey(row["location_id"], row["sku"], Bucket(row["bucket"]))
        moved.setdefault(row["order_id"], {})[key] = row["quantity"]
    found = {}
    for id_ in ids:
        wanted = stock.effect(orders[id_]) if id_ in orders else {}
        if difference := stock.differences(wanted, moved.get(id_, {})):
            found[id_] = difference
    return found


async def _read(connection: Pooled, account_id: str, ids: Sequence[str]) -> Mapping[str, StockOrder]:
    lines: dict[str, list[StockLine]] = {}
    for row in await connection.fetch(_SQL["stock_lines"], account_id, ids):
        given = {name: value for name, value in row.items() if name != "order_id"}
        lines.setdefault(row["order_id"], []).append(StockLine(**given))
    found = {}
    for row in await connection.fetch(_SQL["stock_orders"], account_id, ids):
        given = {name: value for name, value in row.items() if name != "id"}
        found[row["id"]] = StockOrder(**given, lines=tuple(lines.get(row["id"], ())))
    return found
