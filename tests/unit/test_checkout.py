"""Checkouts (P1), payments in parts (P4) and the funnel (P7): rules and laws."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import checkout, funnel, money
from handlers.derive import derive
from handlers.errors import Refused, Unmappable
from handlers.merge import add
from handlers.providers import stripe_payments, stripe_sessions
from handlers.providers.stripe_objects import Context
from handlers.reading import Node
from schemas.checkout import Standing
from schemas.fact import Dossier, Reading

NOW = 1_790_000_000
ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("Tea"),
            "unit_price": st.integers(100, 100_000),
            "quantity": st.sampled_from(["1", "2", "7", "0.5", "1.25", "1000000"]),
            "discount": st.integers(0, 40),
            "tax_rate": st.sampled_from([None, "0", "8.875", "22"]),
        }
    ),
    min_size=1,
    max_size=5,
)


@given(code=st.sampled_from(sorted(money.EXPONENTS)), amount=st.integers(0, 10**9))
def test_P1_what_stripe_is_asked_for_reads_back_as_it_was(code: str, amount: int) -> None:
    try:
        asked = money.to_stripe(amount, code, "amount")
    except Unmappable:
        assert amount % 100  # only of a currency that Stripe has without its two digits
        return
    assert money.from_stripe(asked, code, "amount") == amount


@given(items=ITEMS)
def test_P1_stripes_lines_come_to_the_orders_total(items: list[dict[str, Any]]) -> None:
    sold = checkout.lines({"items": items})
    asked = checkout.params(
        {"success_url": "https://shop.example"}, checkout_id="c", order_id="o", currency="BRL", sold=sold, email=None,
        expires_at=NOW,
    )  # fmt: skip
    total = sum(line["price_data"]["unit_amount"] * line["quantity"] for line in asked["line_items"])
    assert total == sum(line.total for line in sold)
    for line, item in zip(asked["line_items"], items, strict=True):
        assert isinstance(line["quantity"], int)
        assert line["price_data"]["product_data"]["name"] == "Tea" or Decimal(item["quantity"]) != 1


def session(id_: str = "cs_1", amount: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
        "created": NOW, "expires_at": NOW + 9000, "livemode": False, "currency": "brl", "amount_total": amount,
        "amount_subtotal": amount, "payment_intent": None, "metadata": {"order_id": "o"}, **more,
    }  # fmt: skip


def heard(topic: str, at: int, rank: int, content: dict[str, Any]) -> Reading:
    context = Context(topic, (NOW + at) * 1_000_000, rank, f"e{at}", "stripe:", False, "stripe", ("checkout",))
    read = stripe_payments.payment_intent if topic.startswith("payment") else stripe_sessions.session
    found = read(Node(content), context)
    assert isinstance(found, Reading)
    return found


def intent(id_: str, status: str, amount: int = 1000) -> dict[str, Any]:
    good = status == "succeeded"
    return {
        "id": id_, "object": "payment_intent", "created": NOW, "amount": amount, "currency": "brl", "status": status,
        "amount_received": amount if good else 0, "metadata": {"order_id": "o"},
    }  # fmt: skip


SOLD = checkout.lines({"items": [{"name": "Tea", "unit_price": 400}, {"name": "Mate", "unit_price": 600}]})
OPENED = checkout.reading(session(), "stripe", SOLD, "token:t")


def test_I2_our_own_word_and_the_webhooks_give_one_order_in_any_order() -> None:
    paid = session(status="complete", payment_status="paid", payment_intent="pi_1")
    told = [
        OPENED,
        heard("payment_intent.payment_failed", 5, 6, intent("pi_1", "requires_payment_method")),
        heard("payment_intent.succeeded", 9, 8, intent("pi_1", "succeeded")),
        heard("checkout.session.completed", 10, 4, paid),
        OPENED,
    ]
    orders = set()
    for order_of_arrival in itertools.permutations(told):
        dossier = Dossier()
        for reading in order_of_arrival:
            dossier = add(dossier, reading)
        order = derive(dossier, (NOW + 20) * 1_000_000)
        orders.add(repr(order))
    assert len(orders) == 1
    assert (order.payment_status, order.amount_paid) == ("paid", 1000)
    assert [line.name for line in order.lines] == ["Tea", "Mate"]


@pytest.mark.parametrize("seen", ["sessions", "payments", "both"])
def test_P4_what_two_sessions_collected_is_counted_once_each_whoever_tells(seen: str) -> None:
    told = []
    for number, amount in ((1, 300), (2, 700)):
        paid = session(f"cs_{number}", amount, status="complete", payment_status="paid", payment_intent=f"pi_{number}")
        word = heard("checkout.session.completed", 10 + number, 4, paid)
        told.append(
            word
            if seen != "payments"
            else heard("checkout.session.completed", number, 4, {**paid, "payment_status": "unpaid"})
        )
        if seen != "sessions":
            told.append(heard("payment_intent.succeeded", 9, 8, intent(f"pi_{number}", "succeeded", amount)))
    dossier = Dossier()
    for reading in told:
        dossier = add(dossier, reading)
    order = derive(dossier, (NOW + 20) * 1_000_000)
    assert (order.amount_paid, sorted(row.counted for row in order.payments)) == (1000, [300, 700])


def test_P1_where_a_checkout_is_follows_from_its_session() -> None:
    dossier = add(Dossier(), OPENED)
    assert checkout.standing("opening", None, None) is Standing.OPENING
    assert checkout.standing("refused", None, None) is Standing.REFUSED
    assert checkout.standing("opened", "cs_1", dossier) is Standing.OPEN
    for topic, more, found in (
        ("completed", {"payment_status": "paid"}, Standing.PAID),
        ("completed", {"payment_status": "unpaid"}, Standing.OPEN),
        ("async_payment_failed", {}, Standing.FAILED),
        ("expired", {"status": "expired"}, Standing.EXPIRED),
    ):
        heard_of = add(dossier, heard(f"checkout.session.{topic}", 5, 4, session(**more)))
        assert checkout.standing("opened", "cs_1", heard_of) is found


@pytest.mark.parametrize(
    ("remaining", "asked", "in_parts", "paid"),
    [(900, None, False, 900), (900, 900, False, 900), (900, 1, True, 1), (900, 901, True, None), (900, 0, True, None),
     (900, 1, False, None), (0, None, True, None)],
)  # fmt: skip
def test_P4_a_part_is_between_one_and_what_remains(
    remaining: int, asked: int | None, in_parts: bool, paid: int | None
) -> None:
    if paid is None:
        with pytest.raises(Refused):
            checkout.part("Order 1", remaining, asked, in_parts=in_parts)
    else:
        [line] = checkout.part("Order 1", remaining, asked, in_parts=in_parts)
        assert (line.name, line.total) == ("Order 1", paid)


GROUPS = st.lists(
    st.fixed_dictionaries(
        {
            "currency": st.sampled_from(["BRL", "EUR"]), "outcome": st.sampled_from(["paid", "failed", "abandoned", "open"]),
            "reason": st.sampled_from([None, "a", "b"]), "orders": st.integers(1, 9), "tried": st.integers(0, 1),
            "amount": st.integers(0, 99).map(str), "amount_paid": st.integers(0, 99).map(str),
        }
    )
)  # fmt: skip


@given(groups=GROUPS)
def test_P7_each_order_is_in_one_outcome_and_the_reasons_are_those_of_the_failed(groups: list[dict[str, Any]]) -> None:
    rows = funnel.figures(groups, "currency")
    assert sum(row["opened"] for row in rows) == sum(group["orders"] for group in groups)
    for row in rows:
        assert row["opened"] == row["paid"] + row["failed"] + row["abandoned"] + row["open"]
        assert row["failed"] == sum(reason["orders"] for reason in row["failures"])
        mine = [group for group in groups if group["currency"] == row["currency"]]
        assert row["amount_paid"] == sum(int(group["amount_paid"]) for group in mine)
