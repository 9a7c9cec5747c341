"""Payment state (O5, settled question 2): what follows from which facts."""

from __future__ import annotations

import pytest

from handlers import payment
from handlers.derive import derive
from handlers.merge import add, state
from schemas.fact import Dossier, Fact, Kind, Reading
from schemas.order import Order
from schemas.stated import ChargeTotal, Claim, Dispute, Form, Hand, Line, Payment, Refund

DAY = 86_400_000_000
NOW = 1_700_000_000_000_000
CS, IN, PI, CH = "stripe:cs_1", "stripe:in_1", "stripe:pi_1", "stripe:ch_1"


def checkout(**stated: object) -> Fact:
    fields = {
        "form": Form.CHECKOUT,
        "claims": True,
        "connection": "stripe",
        "external_id": "cs_1",
        "currency": "USD",
        "total": 1000,
        "ordered_at": NOW - DAY,
    }
    return state(CS, Kind.CLAIM, Claim(**{**fields, **stated}), at=NOW - DAY)


def shop(**stated: object) -> Fact:
    return state(
        "shop:order:1",
        Kind.CLAIM,
        Claim(
            **{
                "form": Form.SHOP,
                "claims": True,
                "connection": "shop",
                "external_id": "1",
                "currency": "USD",
                "total": 1000,
                "ordered_at": 1,
                **stated,
            }
        ),
        at=NOW,
    )


def hand(**stated: object) -> Fact:
    line = Line(key="1", name="Thing", unit_price=1000, subtotal=1000, total=1000)
    fields = {
        "origin": "api",
        "external_id": "x",
        "title": "Hand made",
        "currency": "USD",
        "lines": (line,),
        "charges": (),
        "ordered_at": NOW,
    }
    return state("hand:1", Kind.HAND, Hand(**{**fields, **stated}), at=NOW)


def paid(key: str = PI, **stated: object) -> Fact:
    return state(
        key,
        Kind.PAYMENT,
        Payment(
            **{"status": "succeeded", "amount": 1000, "received": 1000, "currency": "USD", "paid_at": NOW, **stated}
        ),
        at=NOW,
    )


def refund(key: str = "stripe:re_1", **stated: object) -> Fact:
    return state(
        key,
        Kind.REFUND,
        Refund(**{"payment": PI, "amount": 400, "currency": "USD", "status": "succeeded", **stated}),
        at=NOW,
    )


def dispute(status: str) -> Fact:
    return state("stripe:dp_1", Kind.DISPUTE, Dispute(payment=PI, amount=1000, currency="USD", status=status), at=NOW)


def order_of(*facts: Fact, now: int = NOW) -> Order:
    return derive(add(Dossier(), Reading(facts)), now)


@pytest.mark.parametrize(
    ("facts", "status", "amount_paid", "amount_refunded"),
    [
        ((checkout(open=True),), "pending", 0, 0),
        ((checkout(stated_paid=1000),), "paid", 1000, 0),
        ((checkout(), paid()), "paid", 1000, 0),
        ((checkout(stated_paid=1000, pays_with=(PI,)), paid()), "paid", 1000, 0),
        ((checkout(stated_paid=1000, pays_with=(PI,)), paid(status="processing")), "paid", 1000, 0),
        ((checkout(), paid(amount=400, received=400)), "partially_paid", 400, 0),
        ((checkout(), paid(amount=400, received=400), paid("stripe:pi_2", amount=600, received=600)), "paid", 1000, 0),
        ((checkout(), paid(), refund()), "paid", 1000, 400),
        ((checkout(), paid(), refund(), refund("stripe:re_2", amount=600)), "refunded", 1000, 1000),
        ((checkout(), paid(), refund(status="pending")), "paid", 1000, 0),
        ((checkout(), paid(), refund(status="failed")), "paid", 1000, 0),
        ((checkout(), paid(), dispute("needs_response")), "paid", 1000, 0),
        ((checkout(), paid(), dispute("won")), "paid", 1000, 0),
        ((checkout(), paid(), dispute("lost")), "refunded", 1000, 1000),
        ((checkout(open=False), paid(status="failed")), "failed", 0, 0),
        ((checkout(), paid(status="failed"), paid("stripe:pi_2", status="processing")), "pending", 0, 0),
        ((checkout(canceled=True),), "canceled", 0, 0),
        ((checkout(canceled=True), paid(status="pending")), "canceled", 0, 0),
        ((checkout(canceled=True), paid(status="failed")), "failed", 0, 0),
        ((checkout(), paid(status="canceled")), "canceled", 0, 0),
        ((checkout(total=0, settled=True),), "paid", 0, 0),
        ((checkout(total=0, settled=False),), "pending", 0, 0),
        ((shop(canceled=True),), "canceled", 0, 0),
        ((shop(canceled=True, stated_paid=1000),), "paid", 1000, 0),
        ((shop(canceled=True, stated_paid=1000, stated_returned=1000),), "refunded", 1000, 1000),
        ((shop(canceled=True), paid("shop:transaction:1", status="failed")), "canceled", 0, 0),
        ((shop(stated_paid=1000, pays_with=(PI,)), paid()), "paid", 1000, 0),
        ((hand(),), "pending", 0, 0),
        ((hand(payment_status="paid"),), "paid", 1000, 0),
        ((hand(payment_status="refunded"),), "refunded", 1000, 1000),
        ((hand(payment_status="partially_paid", amount_paid=250),), "partially_paid", 250, 0),
        ((hand(payment_status="paid"), paid(amount=400, received=400)), "partially_paid", 400, 0),
    ],
)
def test_O5_the_payment_status_follows_from_the_facts(
    facts: tuple[Fact, ...], status: str, amount_paid: int, amount_refunded: int
) -> None:
    order = order_of(*facts)
    assert (order.payment_status, order.amount_paid, order.amount_refunded) == (status, amount_paid, amount_refunded)


def test_O5_an_unpaid_order_is_overdue_from_its_due_date_on_and_not_before() -> None:
    facts = (checkout(open=True, due_at=NOW),)
    assert order_of(*facts, now=NOW - 1).payment_status == "pending"
    assert order_of(*facts, now=NOW).payment_status == "overdue"
    assert order_of(*facts, paid(), now=NOW + DAY).payment_status == "paid"


def test_P5_a_refund_known_by_its_id_and_by_the_charges_running_total_counts_once() -> None:
    charge = state(CH, Kind.CHARGE, ChargeTotal(payment=PI, refunded=400, currency="USD"), at=NOW)
    both = order_of(checkout(), paid(), charge, refund(payment=None, charge=CH))
    assert both.amount_refunded == order_of(checkout(), paid(), charge).amount_refunded == 400
    assert [row.key for row in both.refunds] == ["stripe:re_1"]


def test_P5_a_refund_that_fails_later_is_taken_back_from_the_running_total() -> None:
    charge = state(CH, Kind.CHARGE, ChargeTotal(payment=PI, refunded=400, currency="USD"), at=NOW)
    assert order_of(checkout(), paid(), charge, refund(charge=CH, status="failed")).amount_refunded == 0


def test_a_payment_in_another_currency_is_kept_flagged_and_not_counted() -> None:
    order = order_of(checkout(), paid(currency="EUR"))
    assert (order.payment_status, order.payments[0].flag, order.payments[0].counted) == ("pending", "other_currency", 0)


def test_a_payment_in_another_currency_counts_what_the_document_says_it_was_worth() -> None:
    order = order_of(checkout(stated_paid=1000, pays_with=(PI,)), paid(currency="EUR", amount=920, received=920))
    assert (order.payment_status, order.amount_paid, order.payments[0].counted) == ("paid", 1000, 1000)


def test_P3_a_failure_is_told_in_plain_words() -> None:
    failed = order_of(
        checkout(),
        paid(status="failed", failure_code="insufficient_funds", failure_message="Your card has insufficient funds."),
    )
    assert failed.payments[0].failure_reason == "insufficient funds"
    other = order_of(checkout(), paid(status="failed", failure_code="new_code", failure_message="In Stripe's words."))
    assert other.payments[0].failure_reason == "In Stripe's words."


def test_paid_at_is_when_the_sum_first_covered_the_amount() -> None:
    first = paid(amount=400, received=400, paid_at=NOW - 5)
    second = paid("stripe:pi_2", amount=600, received=600, paid_at=NOW - 3)
    third = paid("stripe:pi_3", amount=1, received=1, paid_at=NOW - 1)
    assert order_of(checkout(), third, second, first).paid_at == NOW - 3


def test_every_payment_status_has_a_rule_in_words() -> None:
    assert order_of(checkout(), paid()).rule == "what was received covers the amount"
    assert payment.decide(1, payment.Money(), ()).rule == "nothing was received yet"


def test_P5_a_charge_that_turns_out_to_belong_to_an_intent_counts_once_and_so_does_its_refund() -> None:
    alone = (paid(CH), state(f"{CH}#total", Kind.CHARGE, ChargeTotal(payment=CH, refunded=400, currency="USD"), at=NOW))
    linked = (paid(PI), state(CH, Kind.CHARGE, ChargeTotal(payment=PI, refunded=400, currency="USD"), at=NOW))
    order = order_of(checkout(), *alone, *linked)
    assert [(row.key, row.counted) for row in order.payments] == [(PI, 1000)]
    assert (order.amount_paid, order.amount_refunded) == (1000, 400)
