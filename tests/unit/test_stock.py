"""Stock as a function of status (T4): the rules of settled question 7, and the laws that hold whatever the order."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import flow, stock
from handlers.stock import effect
from schemas.order import OrderType, Status
from schemas.stock import Bucket, StockKey, StockLine, StockOrder

HERE, THERE = "here", "there"
QUANTITIES = st.decimals("-1000000", "1000000", places=6) | st.sampled_from(
    [Decimal(1), Decimal("0.000001"), Decimal("1e30")]
)
LINES = st.builds(
    StockLine,
    sku=st.sampled_from(["A", "B", "C", None, ""]),
    quantity=QUANTITIES,
    service=st.booleans(),
    carried=st.booleans(),
)
ORDERS = st.builds(
    StockOrder,
    type=st.sampled_from(OrderType),
    status=st.sampled_from(Status),
    parent_type=st.sampled_from([None, *OrderType]),
    location_id=st.sampled_from([None, HERE]),
    destination_location_id=st.sampled_from([None, HERE, THERE]),
    lines=st.lists(LINES, max_size=5).map(tuple),
)


def order(type_: str, status: str, *lines: StockLine, parent: str | None = None, **more: str | None) -> StockOrder:
    given = {"location_id": HERE, "destination_location_id": THERE, **more}
    return StockOrder(type=type_, status=status, parent_type=parent, lines=lines or (line("A", 3),), **given)


def line(sku: str | None, quantity: int | str, **more: bool) -> StockLine:
    return StockLine(sku=sku, quantity=Decimal(quantity), **more)


def said(found: dict[StockKey, Decimal]) -> dict[str, int]:
    """`{"here on_hand": -3}` of an effect on product A."""
    assert {key.sku for key in found} <= {"A"}
    return {f"{key.location_id} {key.bucket}": int(quantity) for key, quantity in found.items()}


@pytest.mark.parametrize(
    ("type_", "parent", "processing", "completed"),
    [
        ("sale", None, {"here reserved": 3}, {"here on_hand": -3}),
        ("purchase", None, {"here incoming": 3}, {"here on_hand": 3}),
        (
            "transfer",
            "sale",
            {"here reserved": 3, "there incoming": 3},
            {"here on_hand": -3, "there on_hand": 3},
        ),
        ("return", "sale", {}, {"here on_hand": 3}),
        ("return", "purchase", {}, {"here on_hand": -3}),
        ("return", None, {}, {}),
        ("return", "invoice", {}, {}),
        ("invoice", "sale", {}, {}),
        ("shipping", "sale", {}, {}),
        ("cart", None, {}, {}),
        ("quote", None, {}, {}),
        ("opportunity", None, {}, {}),
    ],
)
def test_T4_each_status_means_what_question_7_says(
    type_: str, parent: str | None, processing: dict[str, int], completed: dict[str, int]
) -> None:
    told = {status: said(effect(order(type_, status, parent=parent))) for status in Status}
    assert told == {"draft": {}, "new": {}, "processing": processing, "completed": completed, "void": {}}


def test_T4_services_and_lines_that_name_no_product_move_nothing() -> None:
    lines = (line("A", 2, service=True), line(None, 2), line("", 2), line("A" * 256, 2), line("A", 5))
    assert said(effect(order("sale", "processing", *lines))) == {"here reserved": 5}


def test_T4_an_order_without_a_location_moves_nothing() -> None:
    assert effect(order("sale", "completed", location_id=None)) == {}
    assert said(effect(order("sale", "completed", destination_location_id=None))) == {"here on_hand": -3}


@pytest.mark.parametrize("missing", ["location_id", "destination_location_id"])
def test_T4_a_transfer_moves_nothing_until_both_locations_are_known(missing: str) -> None:
    assert effect(order("transfer", "completed", **{missing: None})) == {}


def test_T4_lines_of_one_product_are_added_up() -> None:
    assert said(effect(order("purchase", "completed", line("A", "1.5"), line("A", "0.5"), line("A", -4)))) == {
        "here on_hand": -2
    }


def test_T4_what_a_transfer_carries_drops_out_of_the_sale_and_of_nothing_else() -> None:
    lines = (line("A", 1), line("A", 6, carried=True))
    assert said(effect(order("sale", "completed", *lines))) == {"here on_hand": -1}
    assert said(effect(order("purchase", "completed", *lines))) == {"here on_hand": 7}


@given(ORDERS, st.lists(st.sampled_from(Status), max_size=8), st.sampled_from(Status))
def test_T4_any_path_to_a_status_leaves_the_same_stock(start: StockOrder, path: list[Status], end: Status) -> None:
    ledger: dict[StockKey, Decimal] = {}
    for status in [*path, end]:
        for key, quantity in stock.differences(effect(_at(start, status)), ledger).items():
            ledger[key] = stock.EXACT.add(ledger.get(key, Decimal(0)), quantity)
    assert {key: quantity for key, quantity in ledger.items() if quantity} == effect(_at(start, end))


@given(ORDERS, st.sampled_from([Status.DRAFT, Status.NEW, Status.VOID]))
def test_T4_draft_new_and_void_leave_no_stock(found: StockOrder, status: Status) -> None:
    assert effect(_at(found, status)) == {}


@given(st.lists(LINES, max_size=5).map(tuple), st.sampled_from(Status), st.sampled_from([HERE, THERE]))
def test_T4_a_transfer_neither_makes_nor_loses_anything(
    lines: tuple[StockLine, ...], status: Status, target: str
) -> None:
    found = effect(order("transfer", status, *(lines or (line("A", 1),)), destination_location_id=target))
    on_hand: dict[str, Decimal] = {}
    for key, quantity in found.items():
        if key.bucket is Bucket.ON_HAND:
            on_hand[key.sku] = stock.EXACT.add(on_hand.get(key.sku, Decimal(0)), quantity)
    assert not any(on_hand.values())
    if target == HERE and status == Status.COMPLETED:
        assert found == {}


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 9), st.booleans()), min_size=1),
    st.sampled_from([Status.PROCESSING, Status.COMPLETED]),
    st.sampled_from(Status),
)
def test_T4_a_sale_with_its_transfer_child_counts_no_line_twice(
    lines: list[tuple[str, int, bool]], status: Status, child_status: Status
) -> None:
    """Whatever leaves the source is what was sold: by the sale or, for the lines that it carries, by the transfer."""
    live = child_status != Status.VOID
    sale = order("sale", status, *(line(sku, n, carried=carried and live) for sku, n, carried in lines))
    carried = tuple(line(sku, n) for sku, n, carried in lines if carried)
    child = order("transfer", child_status, *carried, parent="sale") if carried else None
    of_sale = _source(effect(sale))
    of_child = _source(effect(child)) if child else {}
    for sku in {sku for sku, _, _ in lines}:
        sold = sum(n for name, n, _ in lines if name == sku)
        elsewhere = sum(n for name, n, moved in lines if name == sku and moved and live)
        assert of_sale.get(sku, 0) == sold - elsewhere
        assert of_child.get(sku, 0) == (elsewhere if child_status in (Status.PROCESSING, Status.COMPLETED) else 0)


@given(ORDERS)
def test_T4_what_is_settled_needs_no_movement(found: StockOrder) -> None:
    assert stock.differences(effect(found), effect(found)) == {}
    keys = list(stock.differences(effect(found), {}))
    assert all(left < right for left, right in pairwise(keys)), "levels are locked in one order"


@given(QUANTITIES, QUANTITIES)
def test_T4_a_count_makes_what_is_on_hand_what_was_counted(on_hand: Decimal, count: Decimal) -> None:
    assert stock.EXACT.add(on_hand, stock.adjustment(on_hand, count, None)) == count
    assert stock.adjustment(on_hand, None, count) == count


def test_T4_every_rule_is_of_a_status_that_an_order_can_be_in() -> None:
    assert {status for by_status in stock.RULES.values() for status in by_status} <= set(flow.MOVES)


def _at(found: StockOrder, status: Status) -> StockOrder:
    return msgspec.structs.replace(found, status=status)


def _source(found: dict[StockKey, Decimal]) -> dict[str, Decimal]:
    """What is reserved at, or has left, the source."""
    taken: dict[str, Decimal] = {}
    for key, quantity in found.items():
        if key.location_id == HERE:
            taken[key.sku] = taken.get(key.sku, Decimal(0)) + abs(quantity)
    return taken
