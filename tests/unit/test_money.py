"""Minor units at the door (settled question 17): exact or refused, with the path of what is wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import money
from handlers.errors import Unmappable

CODES = st.sampled_from(sorted(money.EXPONENTS))


@pytest.mark.parametrize(
    ("value", "code", "minor"),
    [("10.00", "USD", 1000), ("23600", "JPY", 23600), ("100.00", "JPY", 100), ("1.5", "KWD", 1500), ("1.234", "KWD", 1234),
     (Decimal("0.1"), "BRL", 10), (7, "EUR", 700), ("-3.33", "USD", -333)],
)  # fmt: skip
def test_amounts_in_major_units_become_exact_minor_units(value: object, code: str, minor: int) -> None:
    assert money.minor(value, code, "total") == minor


@pytest.mark.parametrize(
    ("value", "code"),
    [("10.001", "USD"), ("0.5", "JPY"), ("1e400000", "USD"), ("NaN", "USD"), ("Infinity", "USD"), ("", "USD"), ("1_000", "USD"),
     ("٣", "USD"), ("9" * 41, "USD"), ("99999999999999999", "USD"), (True, "USD"), (1.5, "USD"), (None, "USD"), ([], "USD")],
)  # fmt: skip
def test_amounts_that_do_not_fit_are_refused_with_their_path(value: object, code: str) -> None:
    with pytest.raises(Unmappable) as refused:
        money.minor(value, code, "order.total")
    assert refused.value.path == "order.total"


@pytest.mark.parametrize("code", ["", "XXQ", "US", None, 5, "usdollar", "\x00\x00\x00"])
def test_an_unknown_currency_is_refused(code: object) -> None:
    with pytest.raises(Unmappable):
        money.currency(code, "currency")


@pytest.mark.parametrize(
    ("amount", "code", "minor"),
    [
        (1050, "USD", 1050),
        (12800, "JPY", 12800),
        (5120, "KWD", 5120),
        (500, "UGX", 5),
        (500, "ISK", 5),
        (5, "MGA", 500),
    ],
)
def test_stripes_units_become_iso_units(amount: int, code: str, minor: int) -> None:
    assert money.from_stripe(amount, code, "amount") == minor


def test_a_stripe_amount_that_cannot_be_is_refused() -> None:
    with pytest.raises(Unmappable, match="UGX"):
        money.from_stripe(501, "UGX", "amount")
    with pytest.raises(Unmappable):
        money.from_stripe("100", "USD", "amount")


@given(CODES, st.integers(-money.LARGEST, money.LARGEST))
def test_minor_units_survive_the_way_through_major_units_in_every_currency(code: str, amount: int) -> None:
    text = str(Decimal(amount).scaleb(-money.EXPONENTS[code]))
    assert money.minor(text, code, "total") == amount
