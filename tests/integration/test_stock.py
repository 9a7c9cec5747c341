"""The stock ledger beside real orders (T4): whatever becomes of an order, the ledger holds what follows from it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY

from schemas.account import Reach
from tests.integration.test_apply import checkout, invoice
from tests.stock import NOW_MICROS, adopt, change, levels, lines, make
from tests.world import World, payload
from worker.ids import new_id
from worker.store import orders, search
from worker.store.checks import broken
from worker.store.db import transaction

HERE, THERE = new_id(), new_id()
STATEMENTS = "db_client_operation_duration_seconds"


def statements_of(noun: str) -> dict[str, float]:
    """How often each statement of a noun ran in this process."""
    [family] = [found for found in REGISTRY.collect() if found.name == STATEMENTS]
    return {
        sample.labels["db_operation_name"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels["db_operation_name"].startswith(f"{noun}.")
    }


@pytest.mark.parametrize(
    "path",
    [
        ("completed",),
        ("processing", "completed"),
        ("processing", "draft", "processing", "new", "completed"),
        ("completed", "new", "completed"),
    ],
)
async def test_T4_every_path_to_a_status_leaves_the_same_stock(shop: World, path: tuple[str, ...]) -> None:
    sale = await make(shop, "sale", "new", ("A", 2), ("B", "0.5"), ("A", 1), (None, 9), location_id=HERE)
    assert await levels(shop) == {}
    for status in path:
        await change(shop, sale, status=status)
        assert await broken(shop.ctx.pool) == {}
    assert await levels(shop) == {(HERE, "A", "on_hand"): -3, (HERE, "B", "on_hand"): Decimal("-0.5")}
    await change(shop, sale, status="void")
    assert await levels(shop) == {}
    moved = await shop.rows("SELECT sku, sum(quantity) AS sum, count(*) FROM stock_movements GROUP BY 1 ORDER BY 1")
    assert [(row["sku"], row["sum"]) for row in moved] == [("A", 0), ("B", 0)]
    assert moved[0]["count"] >= 2, "the ledger keeps every movement"
    assert await broken(shop.ctx.pool) == {}


async def test_T4_each_type_moves_its_own_buckets(shop: World) -> None:
    purchase = await make(shop, "purchase", "processing", ("A", 10), location_id=HERE)
    assert await levels(shop) == {(HERE, "A", "incoming"): 10}
    await change(shop, purchase, status="completed")
    transfer = await make(shop, "transfer", "processing", ("A", 4), location_id=HERE, destination_location_id=THERE)
    assert await levels(shop) == {
        (HERE, "A", "on_hand"): 10,
        (HERE, "A", "reserved"): 4,
        (THERE, "A", "incoming"): 4,
    }
    await change(shop, transfer, status="completed")
    assert await levels(shop) == {(HERE, "A", "on_hand"): 6, (THERE, "A", "on_hand"): 4}
    await make(shop, "quote", "completed", ("A", 4), location_id=HERE)
    assert await levels(shop) == {(HERE, "A", "on_hand"): 6, (THERE, "A", "on_hand"): 4}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_a_return_moves_by_what_its_parent_is(shop: World) -> None:
    for parent_type, expected in (("sale", {(THERE, "A", "on_hand"): 2}), ("purchase", {})):
        parent = await make(shop, parent_type, "new", ("A", 3), location_id=HERE)
        back = await make(shop, "return", "completed", ("A", 2), location_id=THERE)
        await adopt(shop, parent, back, "return", ["1"])
        assert await levels(shop) == expected
    assert await broken(shop.ctx.pool) == {}


async def test_T4_lines_locations_and_types_that_change_move_the_difference(shop: World) -> None:
    sale = await make(shop, "sale", "processing", ("A", 2), location_id=HERE)
    await change(shop, sale, lines=lines(("A", 5), ("B", 1)))
    assert await levels(shop) == {(HERE, "A", "reserved"): 5, (HERE, "B", "reserved"): 1}
    await change(shop, sale, location_id=THERE)
    assert await levels(shop) == {(THERE, "A", "reserved"): 5, (THERE, "B", "reserved"): 1}
    await change(shop, sale, type="purchase")
    assert await levels(shop) == {(THERE, "A", "incoming"): 5, (THERE, "B", "incoming"): 1}
    await change(shop, sale, location_id=None)
    assert await levels(shop) == {}
    await change(shop, sale, status="completed")
    assert await levels(shop) == {}
    rows = await shop.rows("SELECT DISTINCT order_id, actor, reason FROM stock_movements")
    assert [tuple(row.values()) for row in rows] == [(sale, "token:test", None)]
    assert await broken(shop.ctx.pool) == {}


async def test_T4_a_line_that_a_live_transfer_carries_is_moved_by_the_transfer_alone(shop: World) -> None:
    sale = await make(shop, "sale", "completed", ("A", 3), ("B", 1), location_id=HERE)
    child = await make(shop, "transfer", "processing", ("A", 3), location_id=HERE, destination_location_id=THERE)
    assert (await levels(shop))[HERE, "A", "on_hand"] == -3
    await adopt(shop, sale, child, "transfer", ["1"])
    carried = {(HERE, "A", "reserved"): 3, (THERE, "A", "incoming"): 3, (HERE, "B", "on_hand"): -1}
    assert await levels(shop) == carried
    await change(shop, sale, status="processing")
    reserved = {key: quantity for key, quantity in carried.items() if key[1] == "A"}
    assert await levels(shop) == {**reserved, (HERE, "B", "reserved"): 1}
    await change(shop, sale, status="completed")
    await change(shop, child, status="completed")
    assert await levels(shop) == {
        (HERE, "A", "on_hand"): -3,
        (THERE, "A", "on_hand"): 3,
        (HERE, "B", "on_hand"): -1,
    }
    assert await broken(shop.ctx.pool) == {}
    await change(shop, child, status="void")
    assert await levels(shop) == {(HERE, "A", "on_hand"): -3, (HERE, "B", "on_hand"): -1}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_a_transfer_without_locations_still_frees_and_takes_its_parents_lines(shop: World) -> None:
    sale = await make(shop, "sale", "completed", ("A", 3), location_id=HERE)
    child = await make(shop, "transfer", "new", ("A", 3))
    await adopt(shop, sale, child, "transfer", ["1"])
    assert await levels(shop) == {}
    await change(shop, child, status="void")
    assert await levels(shop) == {(HERE, "A", "on_hand"): -3}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_what_senders_write_into_a_sku_never_stops_an_order(shop: World) -> None:
    sale = await make(shop, "sale", "completed", ("A" * 20_000, 3), ("", 1), ("B", "1e-9"), ("C", "9" * 31), location_id=HERE)  # fmt: skip
    assert await levels(shop) == {(HERE, "C", "on_hand"): -int("9" * 31)}
    await change(shop, sale, status="void")
    assert await levels(shop) == {}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_an_order_without_a_location_costs_no_statement(shop: World) -> None:
    before = statements_of("stock")
    await shop.deliver("shopify", payload("shopify", "orders_create__three_lines.json"), "orders/create")
    await shop.deliver("stripe", checkout(1, invoice="in_1"))
    await shop.deliver("stripe", invoice(1, payment_intent="pi_1"))
    sale = await make(shop, "sale", "processing", ("A", 3))
    await change(shop, sale, status="completed")
    assert statements_of("stock") == before
    await change(shop, sale, location_id=HERE)
    assert statements_of("stock") != before


async def test_T4_a_change_that_is_none_of_stocks_business_costs_no_statement(shop: World) -> None:
    sale = await make(shop, "sale", "processing", ("A", 3), location_id=HERE)
    before = statements_of("stock")
    await change(shop, sale, notes="ring twice", due_at=1)
    assert statements_of("stock") == before


async def test_T4_a_webhook_moves_the_stock_of_an_order_that_got_a_location(shop: World) -> None:
    body = payload("woocommerce", "order_created__processing.json")
    await shop.deliver("woocommerce", body, "order.created")
    [order] = await shop.rows("SELECT id FROM orders")
    assert await levels(shop) == {}
    await change(shop, order["id"], location_id=HERE, status="processing")
    [line] = await shop.rows("SELECT sku, quantity FROM order_items WHERE sku <> '' AND NOT service")
    assert await levels(shop) == {(HERE, line["sku"], "reserved"): line["quantity"]}
    more = msgspec.json.decode(body)
    more["line_items"][1]["quantity"] += 5
    more["date_modified_gmt"] = "2036-01-01T00:00:00"
    await shop.deliver("woocommerce", more, "order.updated")
    assert await levels(shop) == {(HERE, line["sku"], "reserved"): line["quantity"] + 5}
    assert {row["actor"] for row in await shop.rows("SELECT actor FROM stock_movements")} == {"token:test", "event"}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_two_orders_that_turn_out_to_be_one_hold_stock_once(shop: World) -> None:
    await shop.deliver("stripe", checkout(1))
    await shop.deliver("stripe", invoice(2))
    found = {row["external_id"]: row["id"] for row in await shop.rows("SELECT id, external_id FROM orders")}
    assert set(found) == {"cs_1", "in_2"}
    for order_id in found.values():
        await change(shop, order_id, location_id=HERE, status="completed", lines=lines(("A", 1)))
    assert await levels(shop) == {(HERE, "A", "on_hand"): -2}
    await shop.deliver("stripe", {**checkout(1, invoice="in_2"), "id": "evt_join", "created": 1_700_000_500})
    [left] = await shop.rows("SELECT id FROM orders")
    assert await levels(shop) == {(HERE, "A", "on_hand"): -1}
    [gone] = set(found.values()) - {left["id"]}
    rows = await shop.rows("SELECT sum(quantity) AS sum FROM stock_movements WHERE order_id = $1", gone)
    assert rows == [{"sum": 0}]
    assert await broken(shop.ctx.pool) == {}


async def test_T4_a_transfer_that_turns_out_to_be_another_order_gives_its_parent_the_lines_back(shop: World) -> None:
    sale = await make(shop, "sale", "completed", ("A", 3), location_id=HERE)
    child = await make(shop, "transfer", "processing", ("A", 3), location_id=HERE, destination_location_id=THERE)
    await adopt(shop, sale, child, "transfer", ["1"])
    other = await make(shop, "transfer", "new")
    async with transaction(shop.ctx.pool) as connection:
        await orders.begin_deriving(connection)
        held = (await orders.load(connection, shop.account_id, [other]))[other]
        same = orders.Change(id=other, before=held, after=held.order, contact_id=held.contact_id, actor="event")
        gone = await orders.merge(connection, shop.account_id, {child: other})
        await orders.save(connection, shop.account_id, [same], now=NOW_MICROS, gone=gone)
    assert await levels(shop) == {(HERE, "A", "on_hand"): -3}
    assert await broken(shop.ctx.pool) == {}


@pytest.mark.parametrize("seed", range(3))
async def test_T4_whatever_becomes_of_orders_stock_is_the_sum_of_what_they_are(shop: World, seed: int) -> None:
    """A walk by chance over statuses, lines, places and types; what is expected is told by hand for each order."""
    chance = random.Random(seed)
    sign = {
        ("sale", "processing"): ("reserved", 1), ("sale", "completed"): ("on_hand", -1),
        ("purchase", "processing"): ("incoming", 1), ("purchase", "completed"): ("on_hand", 1),
    }  # fmt: skip
    said: dict[str, dict[str, Any]] = {}
    for _ in range(4):
        type_ = chance.choice(["sale", "purchase"])
        made = await make(shop, type_, "new", ("A", 1), location_id=HERE)
        said[made] = {"type": type_, "status": "new", "lines": lines(("A", 1)), "location_id": HERE}
    for _ in range(30):
        order_id = chance.choice(list(said))
        more = chance.choice(
            [
                {"status": chance.choice(["draft", "new", "processing", "completed", "void"])},
                {"lines": lines(*((chance.choice("AB"), chance.randint(1, 5)) for _ in range(chance.randint(0, 3))))},
                {"location_id": chance.choice([None, HERE, THERE])},
                {"type": chance.choice(["sale", "purchase", "quote"])},
            ]
        )
        said[order_id] |= more
        await change(shop, order_id, **more)
        expected: Counter[tuple[str, str, str]] = Counter()
        for told in said.values():
            bucket, factor = sign.get((told["type"], told["status"]), ("", 0))
            for line in told["lines"] if told["location_id"] else ():
                expected[told["location_id"], line.sku, bucket] += factor * int(line.quantity)
        assert await levels(shop) == {key: quantity for key, quantity in expected.items() if quantity}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_orders_over_the_same_products_in_any_order_end_true(shop: World) -> None:
    skus = [f"S{n}" for n in range(12)]
    made = await asyncio.gather(
        *(
            make(shop, "sale", "new", *((sku, 1) for sku in (skus if n % 2 else reversed(skus))), location_id=HERE)
            for n in range(16)
        )
    )

    async def walk(order_id: str) -> None:
        for status in ("processing", "completed", "new", "completed"):
            await change(shop, order_id, status=status)

    await asyncio.gather(*map(walk, made))
    assert await levels(shop) == {(HERE, sku, "on_hand"): -16 for sku in skus}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_a_parent_and_its_child_that_change_at_the_same_moment_end_true(shop: World) -> None:
    pairs = []
    for _ in range(6):
        sale = await make(shop, "sale", "new", ("A", 1), ("B", 1), location_id=HERE)
        child = await make(shop, "transfer", "new", ("A", 1), location_id=HERE, destination_location_id=THERE)
        await adopt(shop, sale, child, "transfer", ["1"])
        pairs.append((sale, child))
    await asyncio.gather(
        *(change(shop, sale, status="completed") for sale, _ in pairs),
        *(change(shop, child, status="void") for _, child in pairs),
    )
    assert await levels(shop) == {(HERE, sku, "on_hand"): -6 for sku in "AB"}
    assert await broken(shop.ctx.pool) == {}


async def test_T4_batches_that_hold_each_others_children_wait_and_do_not_deadlock(shop: World) -> None:
    sales = [await make(shop, "sale", "new", ("A", 1), location_id=HERE) for _ in range(2)]
    children = [await make(shop, "transfer", "new", ("A", 1)) for _ in range(2)]
    for parent, child in zip(sales, reversed(children), strict=True):
        await adopt(shop, parent, child, "transfer", ["1"])
    for status in ["processing", "completed"] * 5:
        await asyncio.gather(
            *(change(shop, sale, child, status=status) for sale, child in zip(sales, children, strict=True))
        )
    await change(shop, *children, status="void")
    assert await levels(shop) == {(HERE, "A", "on_hand"): -2}
    assert await broken(shop.ctx.pool) == {}


@pytest.mark.parametrize("change_it", ["UPDATE stock_movements SET quantity = 5", "DELETE FROM stock_movements"])
async def test_T4_the_ledger_is_only_added_to(shop: World, change_it: str) -> None:
    await make(shop, "sale", "completed", ("A", 1), location_id=HERE)
    with pytest.raises(asyncpg.CheckViolationError, match="only added to"):
        await shop.ctx.pool.execute(change_it)


async def test_T4_every_list_of_stock_has_an_index(shop: World) -> None:
    """Whatever is asked for, no plan reads a whole table."""
    await shop.ctx.pool.execute(
        "INSERT INTO stock_movements (account_id, id, order_id, location_id, sku, bucket, quantity, at, actor) "
        "SELECT $1, uuidv7(), md5('o' || n / 4)::uuid, md5('l' || n % 5)::uuid, 'S' || n % 500, 'on_hand', 1, "
        "now() - n * interval '1 s', 'x' FROM generate_series(1, 20000) AS n",
        shop.account_id,
    )
    await shop.ctx.pool.execute(
        "INSERT INTO stock_levels SELECT $1, md5('l' || l)::uuid, 'S' || n, 'on_hand', CASE WHEN n % 100 = 0 THEN -1 ELSE 1 END "
        "FROM generate_series(1, 4000) AS n, generate_series(1, 5) AS l",
        shop.account_id,
    )
    await shop.ctx.pool.execute("ANALYZE stock_movements, stock_levels")
    [names] = await shop.rows("SELECT md5('l1')::uuid AS place, md5('o77')::uuid AS sale")
    since = {"from_": datetime.now(UTC) - timedelta(minutes=9)}
    place, sku, sale = {"location_id": names["place"]}, {"sku": "S42"}, {"order_id": names["sale"]}
    plans: dict[str, str] = {}
    async with shop.ctx.pool.acquire() as connection:

        class Explaining:
            async def fetch(self, sql: str, *given: Any) -> list[Any]:
                rows = await connection.fetch(f"EXPLAIN {sql}", *given)
                plans[f"{sql} {given}"] = "\n".join(row[0] for row in rows)
                return []

        asked: Any = Explaining()
        for moved in ({}, place, sku, place | sku, sale, since):
            await search.movements(asked, Reach(shop.account_id), moved, None, 51)
        for held in ({}, place, sku, {"negative": "true"}, {"negative": "false"}, {"negative": "true"} | place):
            await search.levels(asked, shop.account_id, held, ("S2", names["place"]), 51)
    assert len(plans) == 12
    assert {asked: plan for asked, plan in plans.items() if "Seq Scan on stock" in plan} == {}
