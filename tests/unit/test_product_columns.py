"""The columns of a product template, and the cells of a line (T6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import product_columns
from handlers.errors import Refused
from schemas.catalog import Cell, Column, ColumnType

LINE = {"position": 1, "sku": "A", "name": "Beans", "quantity": "2.5", "unit_price": 1000, "tax_rate": None, "discount": 0,
        "subtotal": 2500, "tax": 0, "total": 2500, "delivery_method": None}  # fmt: skip


def column(key: str, type_: str = "number", **more: Any) -> Column:
    return Column(key=key, label=key.title(), type=ColumnType(type_), **more)


def cells(columns: list[Column], **attributes: Any) -> dict[str, Cell]:
    return product_columns.Table(columns).cells(columns, LINE, attributes)


@pytest.mark.parametrize(
    ("columns", "field", "says"),
    [
        ([column("a"), column("a")], "columns.1.key", "used twice"),
        ([column("quantity")], "columns.0.key", "something else"),
        ([column("min")], "columns.0.key", "something else"),
        ([column("class")], "columns.0.key", "something else"),
        ([column("a", "choice")], "columns.0.options", "options"),
        ([column("a", "text", options=("x",))], "columns.0.options", "options"),
        ([column("a", "date", formula="1")], "columns.0.type", "formula"),
        ([column("a", formula="1", required=True)], "columns.0.required", "computed"),
        ([column("a", formula="1 +")], "columns.0.formula", "do not fit"),
        ([column("a"), column("b", formula="a + wieght")], "columns.1.formula", "speaks of wieght"),
        ([column("a", formula="a + 1")], "columns.0.formula", "circle: a -> a"),
        ([column("a", formula="b"), column("b", formula="c"), column("c", formula="a")], "columns.0.formula", "circle"),
        ([column("a", formula="9**9**9")], "columns.0.formula", "no power"),
    ],
)
def test_T6_columns_that_cannot_stand_together_are_named(columns: list[Column], field: str, says: str) -> None:
    with pytest.raises(Refused) as caught:
        product_columns.check(columns)
    assert caught.value.field is not None
    assert caught.value.field.split(".")[2] == field.split(".")[2]
    assert says in caught.value.message


def test_T6_columns_may_need_each_other_in_any_order() -> None:
    columns = [
        column("cost", "money", formula="weight * 3"),
        column("weight", formula="unit * quantity"),
        column("unit"),
        column("size", "text", formula="if(weight > 2, 'pallet', 'parcel')"),
        column("big", "boolean", formula="size == 'pallet'"),
    ]
    product_columns.check(columns)
    found = cells(columns, unit="1.3")
    assert {key: cell.value for key, cell in found.items()} == {
        "cost": 10, "weight": "3.25", "unit": "1.3", "size": "pallet", "big": True,
    }  # fmt: skip


def test_T6_an_error_in_one_cell_is_text_in_that_cell() -> None:
    columns = [
        column("weight"),
        column("per", formula="total / weight"),
        column("twice", formula="per * 2"),
        column("fine", formula="quantity * 2"),
        column("safe", formula="if(quantity > 2, 1, per)"),
        column("wrong", "text", formula="1"),
        column("roast", "choice", options=("dark",)),
    ]
    product_columns.check(columns)
    found = cells(columns, weight="0", roast="light")
    assert found["per"] == Cell(error="it divides by zero")
    assert found["twice"] == Cell(error="per: it divides by zero")
    assert (found["fine"], found["safe"]) == (Cell("5"), Cell("1"))
    assert found["wrong"].error == "the result is not a text"
    assert found["roast"].error == "is not one of the options"
    assert cells(columns)["per"].error == "weight has no value"
    assert cells(columns)["weight"] == Cell(None)


def test_T6_a_chain_of_fifty_formulas_ends() -> None:
    columns = [column("c0", formula="quantity")] + [
        column(f"c{n}", formula=f"c{n - 1} * c{n - 1} * {'9' * 15}") for n in range(1, 50)
    ]
    product_columns.check(columns)
    found = cells(columns)
    assert found["c0"] == Cell("2.5")
    assert "beyond" in str(found["c49"].error)


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("number", [1, "1.50", "-2"], ["1,5", "x", True, "1e5", ""]),
        ("money", [100, -5], ["100", True, "1.5"]),
        ("date", ["2026-02-28"], ["2026-02-30", "2026-2-3", 5, "20260228"]),
        ("boolean", [True, False], [1, "true"]),
        ("text", ["", "a"], [1, False]),
        ("choice", ["x"], ["y", 1]),
    ],
)
def test_T6_attributes_fit_the_type_of_their_column(type_: str, good: list[Any], bad: list[Any]) -> None:
    columns = [column("a", type_, options=("x",) if type_ == "choice" else ())]
    for value in good:
        assert "a" in product_columns.checked(columns, {"a": value})
    for value in bad:
        with pytest.raises(Refused) as caught:
            product_columns.checked(columns, {"a": value})
        assert caught.value.field == "attributes.a"


def test_T6_attributes_are_those_that_the_columns_ask_for() -> None:
    columns = [column("a", required=True), column("b"), column("c", formula="a")]
    assert product_columns.checked(columns, {"a": "1.50", "b": None}) == {"a": "1.5"}
    for attributes, field in (({}, "a"), ({"a": None}, "a"), ({"a": 1, "c": 1}, "c"), ({"a": 1, "z": 1}, "z")):
        with pytest.raises(Refused) as caught:
            product_columns.checked(columns, attributes)
        assert caught.value.field == f"attributes.{field}"


def test_T6_the_columns_are_those_of_template_and_order_type() -> None:
    columns = [column("a"), column("b", order_types=("quote", "sale")), column("c", order_types=("transfer",))]
    assert [found.key for found in product_columns.shown(columns, "sale")] == ["a", "b"]
    assert [found.key for found in product_columns.shown(columns, "transfer")] == ["a", "c"]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["1", "a", "b + 1", "c / a", "if(a > 0, b, c)", "quantity", "1 / 0", "name", "'x' * 3"]),
        min_size=1,
    )
)
def test_T6_what_is_saved_can_be_shown(formulas: dict[str, str]) -> None:
    columns = [column(key, formula=formulas.get(key)) for key in ("a", "b", "c")]
    try:
        product_columns.check(columns)
    except Refused:
        return
    found = cells(columns, a=1, b="2")
    assert set(found) == {"a", "b", "c"}
    assert all(cell.value is None or cell.error is None for cell in found.values())
