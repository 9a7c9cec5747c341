"""Formulas: what they reckon, what they refuse, and that nothing written in one runs long or grows (T6)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import formula
from handlers.formula import Unusable

WORDS = [
    "a", "b", "9", "0", "1.5", "0.1", "+", "-", "*", "/", "//", "%", "(", ")", ",", "<", "==", "if", "else", "and", "or",
    "not", "min", "max", "round", "abs", "true", "'x'", "if(", "round(", "**", "lambda", "[", "_if", "a.b", "\\", "\x00",
]  # fmt: skip


def value(text: str, **values: Any) -> Any:
    known = {
        name: Decimal(str(v)) if isinstance(v, int | float) and not isinstance(v, bool) else v
        for name, v in values.items()
    }
    return formula.evaluate(formula.read(text), known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2", Decimal("0.3")),
        ("1 - -2 * 3", Decimal(7)),
        ("7 // 2 + 7 % 2", Decimal(4)),
        ("round(2.5)", Decimal(3)),
        ("round(-2.5)", Decimal(-3)),
        ("round(1.005, 2)", Decimal("1.01")),
        ("round(149, -2)", Decimal(100)),
        ("min(3, 1, 2) + max(3, 1) + abs(-4)", Decimal(8)),
        ("1 < 2 <= 2", True),
        ("not (1 > 2) and 'a' == 'a'", True),
        ("1 == true", False),
        ("if(1 > 2, 'a', 'b')", "b"),
        ("'a' if (1 < 2) else 'b'", "a"),
        ("if (1 < 2, if(2 < 1, 1, 2), 3) * 2", Decimal(4)),
        ("if(0 == 0, 0, 1 / 0)", Decimal(0)),
        ("1 if 1 < 2 else 1 / 0", Decimal(1)),
        ("  2\n*\t3 ", Decimal(6)),
    ],
)
def test_T6_a_formula_reckons_in_decimals(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_T6_a_number_keeps_every_digit_that_was_written() -> None:
    assert value("123456789012.123456789012") == Decimal("123456789012.123456789012")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("9**9**9", "no power"),
        ("9 * * 9", "do not fit"),
        ("", "empty"),
        ("  ", "empty"),
        ("1 +", "do not fit"),
        ("2 2", "do not fit"),
        ("(" * 240 + "1" + ")" * 240, "nested too deeply"),
        ("-" * 400 + "1", "more than 200 parts|nested too deeply"),
        ("not " * 100 + "true", "nested too deeply"),
        ("+".join("1" * 250), "more than 200 parts|nested too deeply"),
        ("1" * 501, "longer than 500"),
        ("a.b", "'.' at character 2"),
        ("a[0]", "'\\['"),
        ("__import__('os')", "'_'"),
        ("open('x')", "no function open"),
        ("_if(1, 2, 3)", "'_'"),
        ("lambda: 1", "':'"),
        ("a = 1", "'='"),
        ("'a' in 'abc'", "something other"),
        ("1 is 1", "something other"),
        ("None", "something other"),
        ("round(1, digits=2)", "'='"),
        ("round()", "round takes 1 to 2"),
        ("abs(1, 2)", "abs takes 1 value"),
        ("if(1, 2)", "if takes 3 values"),
        ("min", "min needs values"),
        ("max(min, 1)", "min needs values"),
        ("(1, 2)", "something other"),
        ("'a\\n'", "not part"),
        ("1e9", "do not fit"),
        ("0x1F", "do not fit"),
        ("1_000", "'_'"),
        ("\u0661 + 1", "not part"),
        ("a; b", "';'"),
        ("'a' '", "not part"),
        ("'\x00'", "cannot be stored|do not fit"),
        ("'\ud800'", "cannot be stored|do not fit"),
        ("f'a'", "do not fit"),
        ("max(*1)", "do not fit|something other"),
    ],
)
def test_T6_what_is_no_formula_is_refused_when_it_is_read(text: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        formula.read(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0", "divides by zero"),
        ("1 // (a - a)", "divides by zero"),
        ("5 % 0", "divides by zero"),
        ("0 / 0", "divides by zero"),
        ("'a' * 999999", "a text cannot be reckoned"),
        ("'a' + 'b'", "a text cannot be reckoned"),
        ("true + 1", "true and false cannot"),
        ("-'a'", "a text cannot"),
        ("'a' < 1", "told larger from smaller"),
        ("round(1, 7)", "between -6 and 6"),
        ("round(1, 0.5)", "between -6 and 6"),
        ("a * 99999999999999999", "beyond"),
        ("*".join(["999999999"] * 40), "beyond"),
        ("*".join(["a"] * 75), "too large"),
    ],
)
def test_T6_what_has_no_value_says_why(text: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        value(text, a=999_999_999_999_999)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60), st.sampled_from(["", " "]))
def test_T6_whatever_is_written_ends_in_a_value_or_a_reason(words: list[str], gap: str) -> None:
    try:
        read = formula.read(gap.join(words))
        found = formula.evaluate(read, dict.fromkeys(read.names, Decimal(3)) | {"b": "text"})
    except Unusable:
        return
    assert isinstance(found, Decimal | str | bool)


@given(st.text(max_size=600))
def test_T6_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Unusable):
        formula.read(text)


numbers = st.decimals(-10_000, 10_000, places=4)


@given(numbers, numbers, numbers.filter(bool))
def test_T6_arithmetic_is_that_of_decimals(a: Decimal, b: Decimal, c: Decimal) -> None:
    found = value("(a + b) * a - b / c", a=a, b=b, c=c)
    assert abs(found - ((a + b) * a - b / c)) < Decimal("1e-11")
    assert value("min(a, b) <= max(a, b)", a=a, b=b) is True
    assert value("abs(a) == if(a < 0, -a, a)", a=a) is True
