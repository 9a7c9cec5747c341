"""Changes of an order in words (O10, D3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.screens.changes import LONGEST, Change, told


@pytest.mark.parametrize(
    ("field", "before", "after", "said"),
    [
        ("payment_status", "pending", "partially_paid", Change("payment status", "pending", "partially paid")),
        ("amount_paid", 0, 5402, Change("amount paid", "BRL 0.00", "BRL 54.02")),
        ("livemode", True, False, Change("livemode", "yes", "no")),
        ("paid_at", None, 1_795_279_765_000_000, Change("paid at", "—", "21 Nov 2026, 16:49")),
        ("created", None, "webhook", Change("created", "—", "webhook")),
        ("notes", "a_b", None, Change("notes", "a_b", "—")),
        (
            "stripe", {}, {"payment_intent_id": "pi_1"}, Change("stripe: payment intent id", "—", "pi_1"),
        ),
        (
            "items", [], [{"name": "Tea", "quantity": "2", "key": "1"}, {"name": "Cup", "quantity": "1", "key": "2"}],
            Change("lines", "—", "2 × Tea, 1 × Cup"),
        ),
        (
            "payments", [], [{"key": "stripe:pi_1", "status": "pending", "amount": 1235, "currency": "JPY"}],
            Change("payment", "—", "pending, JPY 1,235", "pi_1"),
        ),
        (
            "refunds", [{"key": "stripe:re_1", "status": "pending", "amount": 5}],
            [{"key": "stripe:re_1", "status": "succeeded", "amount": 5}],
            Change("refund: status", "pending", "succeeded", "re_1"),
        ),
    ],
)  # fmt: skip
def test_D3_a_change_is_told_in_words(field: str, before: Any, after: Any, said: Change) -> None:
    assert told([{"field": field, "from": before, "to": after}], "BRL") == [said]


def test_D3_only_the_parts_of_a_payment_that_changed_are_told() -> None:
    old = {"key": "stripe:pi_1", "status": "pending", "amount": 500, "currency": "BRL", "fee": None}
    other = {"key": "stripe:pi_2", "status": "failed", "amount": 500, "currency": "BRL"}
    new = {**old, "status": "succeeded", "fee": 30}
    assert told([{"field": "payments", "from": [old, other], "to": [new, other]}], "BRL") == [
        Change("payment: status", "pending", "succeeded", "pi_1"),
        Change("payment: fee", "—", "BRL 0.30", "pi_1"),
    ]


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=20), _ANY, _ANY)
def test_D3_whatever_a_field_held_there_are_words_for_it_that_fit(field: str, before: Any, after: Any) -> None:
    for change in told([{"field": field, "from": before, "to": after}], "BRL"):
        assert 0 < len(change.before) <= max(LONGEST, 400)
        assert 0 < len(change.after) <= max(LONGEST, 400)
