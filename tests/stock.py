"""Orders as people state them, and what they do to stock: for the tests of stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from handlers.derive import hand_key
from handlers.merge import add, state
from schemas.fact import Dossier, Kind, Reading
from schemas.stated import Hand, Line
from tests.world import NOW, World
from worker.apply.rebuild import write
from worker.ids import new_id
from worker.store import children, dossiers, orders, stock
from worker.store.db import Pooled, transaction

NOW_MICROS = int(NOW * 1_000_000)


def lines(*given: tuple[str | None, int | str]) -> tuple[Line, ...]:
    return tuple(Line(key=str(n), name="Thing", sku=sku, quantity=str(much)) for n, (sku, much) in enumerate(given, 1))


async def make(shop: World, type_: str, status: str, *given: tuple[str | None, int | str], **more: Any) -> str:
    """An order of any type, made by hand; its id."""
    order_id = new_id()
    hand = Hand(origin="api", type=type_, template=type_, title=f"{type_} {order_id}", status=status, lines=lines(*given), **more)  # fmt: skip
    async with transaction(shop.ctx.pool) as connection:
        await orders.begin_deriving(connection)
        await dossiers.add_links(connection, shop.account_id, {hand_key(order_id): order_id})
        await _state(connection, shop, {order_id: Dossier()}, hand)
    return order_id


async def change(shop: World, *order_ids: str, **more: Any) -> None:
    """State something else of orders, of all in one transaction."""
    async with transaction(shop.ctx.pool) as connection:
        await orders.begin_deriving(connection)
        held = await dossiers.lock(connection, shop.account_id, order_ids)
        if more.get("status") == "void":
            for order_id in order_ids:
                await children.free(connection, shop.account_id, order_id)
        await _state(connection, shop, held, Hand(**more))


async def _state(connection: Pooled, shop: World, held: Mapping[str, Dossier], hand: Hand) -> None:
    stated = {}
    for order_id, dossier in held.items():
        key, at = hand_key(order_id), NOW_MICROS
        if key in dossier.facts:
            at = max(at, *(statement.at + 1 for statement in dossier.facts[key].statements))
        stated[order_id] = add(dossier, Reading((state(key, Kind.HAND, hand, at=at, event="test"),)))
    await dossiers.save(connection, shop.account_id, stated)
    await write(connection, shop.account_id, stated, NOW_MICROS, "token:test")


async def adopt(shop: World, parent_id: str, child_id: str, type_: str, keys: Sequence[str] = ()) -> None:
    """Make one order the child of another, which carries the parent's lines of these keys."""
    async with transaction(shop.ctx.pool) as connection:
        await orders.begin_deriving(connection)
        await connection.execute(
            "UPDATE orders SET parent_id = $3 WHERE account_id = $1 AND id = $2", shop.account_id, child_id, parent_id
        )
        await connection.executemany(
            "INSERT INTO carried_lines VALUES ($1, $2, $3, $4, $5)",
            [(shop.account_id, parent_id, key, type_, child_id) for key in keys],
        )
        await connection.execute(
            "UPDATE order_items SET parent_line = key WHERE account_id = $1 AND order_id = $2 AND key = ANY ($3)",
            shop.account_id, child_id, list(keys),
        )  # fmt: skip
        await stock.settle(connection, shop.account_id, [child_id], NOW_MICROS, "token:test")


async def levels(shop: World) -> dict[tuple[str, str, str], Decimal]:
    """(location, sku, bucket) -> quantity of all that is not zero."""
    rows = await shop.rows("SELECT * FROM stock_levels WHERE quantity <> 0")
    return {(row["location_id"], row["sku"], row["bucket"]): row["quantity"] for row in rows}
