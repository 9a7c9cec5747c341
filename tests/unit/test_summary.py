"""Totals (O8, O9, settled question 6): one rounding rule, and parts that add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import summary
from handlers.money import rounded
from schemas.stated import Charge, Line

QUANTITIES = st.sampled_from(["0", "1", "3", "0.5", "2.345", "1000"])
RATES = st.sampled_from([None, "0", "22", "8.875", "19.6"])
PRICED = st.builds(
    lambda key, quantity, price, discount, rate: summary.price(
        Line(key=key, name="Thing", quantity=quantity, unit_price=price, discount=discount, tax_rate=rate)
    ),
    st.text("abc", min_size=1, max_size=3), QUANTITIES, st.integers(0, 10**9), st.integers(0, 10**6), RATES,
)  # fmt: skip
CHARGES = st.builds(
    lambda kind, mode, of, value, sign: Charge(kind=kind, mode=mode, of=of if mode == "percent" else None, value=value, sign=sign),
    st.sampled_from(summary.CHARGE_KINDS), st.sampled_from(["fixed", "percent"]), st.sampled_from(["subtotal", "running"]),
    st.sampled_from(["0", "1", "10", "12.5", "99999"]), st.sampled_from([-1, 1]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "whole"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-2.5", -3), ("2.4999", 2), ("0", 0)]
)
def test_O9_rounding_is_half_up_away_from_zero(value: str, whole: int) -> None:
    assert rounded(Decimal(value)) == whole


def test_O7_a_line_is_priced_as_the_rule_says() -> None:
    assert summary.line_amounts("3", 333, 99, "8.875") == (999, 80, 980)  # (999 - 99) x 8.875 % = 79.875
    assert summary.line_amounts("0.5", 333, 0, None) == (167, 0, 167)


def test_O8_charges_apply_in_order_each_with_its_own_sign() -> None:
    lines = (summary.price(Line(key="1", name="Thing", unit_price=10_000, tax_rate="10")),)
    given_charges = (
        Charge(kind="discount", mode="percent", of="subtotal", value="10"),  # 10 % of 10,000
        Charge(kind="shipping", value="500"),
        Charge(kind="surcharges", mode="percent", of="running", value="1"),  # 1 % of 11,000 - 1,000 + 500
        Charge(kind="other", value="5", sign=-1),
    )
    charges = summary.computed(lines, given_charges)
    assert [charge.amount for charge in charges] == [-1000, 500, 105, -5]
    assert summary.order_total(lines, charges) == 10_600


@given(st.lists(PRICED, max_size=4), st.lists(CHARGES, max_size=4), st.integers(0, 10**6), st.integers(0, 10**6))
def test_O9_the_parts_add_up_to_the_total(lines: list[Line], charges: list[Charge], paid: int, refunded: int) -> None:
    done = summary.computed(lines, charges)
    told = summary.summarize(lines, done, paid, refunded)
    discounts, taxes = sum(line.discount for line in lines), sum(line.tax for line in lines)
    assert told.items_total - discounts + taxes + sum(told.charges.values()) == told.order_total
    assert told.order_total == summary.order_total(lines, done)


@given(st.lists(PRICED, max_size=4), st.lists(CHARGES, max_size=3), st.integers(-(10**12), 10**12))
def test_O9_a_stated_total_is_always_reached_by_one_visible_adjustment(
    lines: list[Line], charges: list[Charge], stated: int
) -> None:
    done = summary.adjusted(tuple(lines), summary.computed(lines, charges), stated)
    assert summary.order_total(lines, done) == stated
    assert summary.computed(lines, done)[-1:] == done[-1:], "an adjustment is computed again to the same amount"


@given(
    st.lists(PRICED, max_size=4),
    st.lists(CHARGES.filter(lambda charge: charge.mode == "fixed"), max_size=4),
    st.randoms(use_true_random=False),
)
def test_O8_the_order_of_fixed_charges_does_not_matter_to_the_total(
    lines: list[Line], charges: list[Charge], random
) -> None:
    shuffled = random.sample(charges, len(charges))
    assert summary.order_total(lines, summary.computed(lines, charges)) == summary.order_total(
        lines, summary.computed(lines, shuffled)
    )
