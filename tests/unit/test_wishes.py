"""Making and editing orders by hand: what may be wished, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import parts, wishes
from handlers.derive import derive, has_payment_facts
from handlers.errors import Locked, Refused
from handlers.merge import add, state
from schemas.fact import Dossier, Kind, Reading
from schemas.order import Order, OrderSource
from schemas.stated import Claim, Form, Line

NOW = 1_700_000_000_000_000


def made(**wish: Any) -> tuple[Dossier, Order]:
    hand = wishes.created({"contact_id": "c", **wish}, now=NOW, origin="api", source=OrderSource.API, currency="BRL")
    dossier = add(Dossier(), Reading((state("hand:1", Kind.HAND, hand, at=NOW),)))
    return dossier, derive(dossier, NOW)


def edit(dossier: Dossier, **wish: Any) -> Order:
    hand = wishes.edited(derive(dossier, NOW), wish, derived=has_payment_facts(dossier))
    return derive(add(dossier, Reading((state("hand:1", Kind.HAND, hand, at=NOW + 1),))), NOW)


def stripe_order() -> Dossier:
    claim = Claim(
        form=Form.CHECKOUT,
        claims=True,
        connection="stripe",
        external_id="cs_1",
        currency="USD",
        total=100,
        stated_paid=100,
        ordered_at=NOW,
    )
    return add(Dossier(), Reading((state("stripe:cs_1", Kind.CLAIM, claim, at=NOW),)))


def test_an_amount_without_items_becomes_one_line_named_by_the_title() -> None:
    _, order = made(title="Workshop", amount=5000)
    assert [(line.name, line.total) for line in order.lines] == [("Workshop", 5000)]
    assert (order.amount, order.currency) == (5000, "BRL")


def test_items_and_charges_are_priced() -> None:
    _, order = made(
        items=[{"name": "A", "quantity": "2.5", "unit_price": 400, "tax_rate": "10", "discount": 100}],
        charges=[{"kind": "shipping", "value": 50}],
    )
    assert (order.lines[0].subtotal, order.lines[0].tax, order.amount, order.shipping_amount) == (1000, 90, 1040, 50)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"items": [{"name": "A", "unit_price": 1}], "amount": 5}, "amount"),
        ({"amount": 100, "charges": [{"kind": "discount", "value": 101}]}, "amount"),
        ({"amount": 1, "currency": "QQQ"}, "currency"),
        ({"amount": 1, "status": "void"}, "status"),
        ({"amount": 100, "payment_status": "partially_paid"}, "amount_paid"),
        ({"items": [{"name": "A", "unit_price": 1, "quantity": "many"}]}, "items.0.quantity"),
        ({"items": [{"name": "A", "unit_price": 2**53 - 1, "quantity": 1000}]}, "amount"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_its_field_and_a_remedy(wish: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        made(**wish)
    assert refused.value.field == field
    assert refused.value.remedy


def test_O6_what_stripe_manages_is_locked_and_the_rest_is_open() -> None:
    dossier = stripe_order()
    with pytest.raises(Locked) as locked:
        edit(dossier, amount=5, items=[], tracking_url="https://t.example/1")
    assert locked.value.fields == ("amount", "items")
    assert edit(dossier, tracking_url="https://t.example/1", title="Mine").tracking_url == "https://t.example/1"


def test_O6_a_manual_order_takes_both() -> None:
    dossier, _ = made(amount=100, title="Workshop")
    order = edit(dossier, amount=250, tracking_url="https://t.example/1")
    assert (order.amount, [line.name for line in order.lines], order.tracking_url) == (
        250,
        ["Workshop"],
        "https://t.example/1",
    )


def test_an_amount_over_several_lines_is_reached_by_a_visible_adjustment() -> None:
    dossier, _ = made(items=[{"name": "A", "unit_price": 100}, {"name": "B", "unit_price": 50}])
    order = edit(dossier, amount=120)
    assert [(charge.kind, charge.amount) for charge in order.charges] == [("price_adjustment", -30)]
    assert order.amount == 120


def test_O8_charges_are_open_only_while_draft_or_new() -> None:
    dossier, _ = made(amount=100, status="processing")
    with pytest.raises(Refused, match="draft or new"):
        edit(dossier, charges=[{"kind": "shipping", "value": 5}])
    assert edit(dossier, notes="later").notes == "later"


def test_O6_a_manual_orders_lines_are_open_until_it_is_completed() -> None:
    dossier, _ = made(amount=100, status="processing")
    assert edit(dossier, amount=5).amount == 5
    completed, _ = made(amount=100, status="completed")
    with pytest.raises(Refused, match="completed"):
        edit(completed, amount=5)


def test_O8_an_amount_that_needs_an_adjustment_is_open_only_while_charges_are() -> None:
    dossier, _ = made(items=[{"name": "A", "unit_price": 100}, {"name": "B", "unit_price": 50}], status="processing")
    with pytest.raises(Refused, match="draft or new"):
        edit(dossier, amount=120)


def test_O5_a_payment_status_is_a_note_until_a_provider_speaks_of_money() -> None:
    dossier, _ = made(amount=100)
    assert edit(dossier, payment_status="paid").amount_paid == 100
    assert edit(dossier, payment_status="failed").sales_status == "declined"
    with pytest.raises(Locked):
        edit(stripe_order(), payment_status="refunded")


def test_T2_the_status_moves_in_any_direction_until_it_is_void() -> None:
    dossier, _ = made(amount=100)
    assert edit(dossier, status="completed").status == "completed"
    voided, _ = made(amount=100, status="new")
    voided = add(
        voided,
        Reading(
            (
                state(
                    "hand:1",
                    Kind.HAND,
                    wishes.edited(derive(voided, NOW), {"status": "void"}, derived=False),
                    at=NOW + 1,
                ),
            )
        ),
    )
    with pytest.raises(Refused, match="final"):
        edit(voided, status="new")


def test_T3_an_order_that_holds_money_is_neither_reopened_nor_voided() -> None:
    dossier, _ = made(amount=100, status="completed", payment_status="paid")
    for status in ("new", "void"):
        with pytest.raises(Refused, match="not returned"):
            edit(dossier, status=status)


LINES = st.builds(
    Line,
    key=st.just("1"),
    name=st.text(min_size=1, max_size=5),
    sku=st.none() | st.text(min_size=1, max_size=3),
    quantity=st.decimals(min_value="0.001", max_value=1000, places=3).map(str),
    unit_price=st.integers(0, 10_000),
    tax_rate=st.none() | st.sampled_from(["0", "22", "8.875"]),
    discount=st.integers(0, 500),
    subtotal=st.integers(0, 10**7),  # as a sender stated them, whatever follows from price and quantity
    tax=st.integers(0, 10**6),
    total=st.integers(0, 10**7),
)


@given(LINES)
def test_O7_a_line_that_is_repeated_as_it_stands_is_the_same_line(line: Line) -> None:
    said = ("name", "sku", "quantity", "unit_price", "tax_rate", "discount", "delivery_method", "service")
    assert parts.kept_line(line, {name: getattr(line, name) for name in said}) == line
    assert parts.kept_line(line, {}) == line


@given(LINES, st.integers(1, 99))
def test_O7_a_line_whose_price_is_changed_is_counted_anew_and_keeps_the_rest(line: Line, more: int) -> None:
    changed = parts.kept_line(line, {"name": line.name, "unit_price": line.unit_price + more})
    fresh = parts.changed_line(line, {"unit_price": line.unit_price + more})
    assert changed == fresh
    assert (changed.key, changed.name, changed.quantity) == (line.key, line.name, line.quantity)
    assert changed.total == changed.subtotal - changed.discount + changed.tax
