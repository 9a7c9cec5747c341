"""Merging is a join: commutative, associative, idempotent; so any order and any duplicates end alike (I2)."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from handlers.derive import derive, makes_order
from handlers.fold import fold, unclaimed
from handlers.merge import add, merge_dossiers, merge_facts, state, values
from schemas.fact import Dossier, Fact, Kind, Reading
from schemas.stated import Payment, Refund
from tests.unit.streams import READINGS, STREAMS, claims, movements

NOW = 1_700_000_000_000_000
FACTS = claims() | movements()


def dossier_of(readings: list[Reading]) -> Dossier:
    return reduce(add, readings, Dossier())


@given(FACTS, FACTS)
def test_I2_merging_two_facts_does_not_depend_on_their_order(left: Fact, right: Fact) -> None:
    right = Fact(left.key, right.kind, right.statements)
    assert merge_facts(left, right) == merge_facts(right, left)


@given(FACTS, FACTS, FACTS)
def test_I2_merging_facts_is_associative(a: Fact, b: Fact, c: Fact) -> None:
    b, c = Fact(a.key, b.kind, b.statements), Fact(a.key, c.kind, c.statements)
    assert merge_facts(merge_facts(a, b), c) == merge_facts(a, merge_facts(b, c))


@given(FACTS)
def test_I2_merging_a_fact_with_itself_changes_nothing(fact: Fact) -> None:
    assert merge_facts(fact, fact) == fact


@given(STREAMS, st.randoms(use_true_random=False))
def test_I2_any_permutation_and_duplication_of_a_stream_gives_the_same_dossier(stream: list[Reading], random) -> None:
    shuffled = [*stream, *random.choices(stream, k=len(stream))]
    random.shuffle(shuffled)
    assert dossier_of(shuffled) == dossier_of(stream)


@given(STREAMS, STREAMS)
def test_I2_two_sales_that_turn_out_to_be_one_are_as_if_they_always_were(
    left: list[Reading], right: list[Reading]
) -> None:
    assert merge_dossiers(dossier_of(left), dossier_of(right)) == dossier_of([*right, *left])


@given(STREAMS, st.randoms(use_true_random=False))
def test_I2_the_order_that_follows_is_the_same_for_every_order_of_arrival(stream: list[Reading], random) -> None:
    shuffled = [*stream, *random.choices(stream, k=2)]
    random.shuffle(shuffled)
    ends = []
    for events in (stream, shuffled):
        dossier = dossier_of(events)
        ends.append(derive(dossier, NOW) if makes_order(dossier) else unclaimed(dossier))
    assert ends[0] == ends[1]


@given(STREAMS)
def test_every_total_is_the_sum_of_its_parts_to_the_last_minor_unit(stream: list[Reading]) -> None:
    dossier = dossier_of(stream)
    if not makes_order(dossier):
        return
    order = derive(dossier, NOW)
    summary = order.summary
    line_discounts = sum(line.discount for line in order.lines)
    line_taxes = sum(line.tax for line in order.lines)
    assert (
        summary.items_total - line_discounts + line_taxes + sum(summary.charges.values())
        == summary.order_total
        == order.amount
    )
    assert order.amount_paid == sum(payment.counted for payment in order.payments) == summary.paid
    assert order.amount_refunded == sum(row.counted for row in (*order.refunds, *order.disputes)) == summary.refunded
    assert summary.remaining == max(0, order.amount - order.amount_paid)


@given(READINGS)
def test_adding_what_is_known_already_gives_the_very_same_dossier(reading: Reading) -> None:
    dossier = add(Dossier(), reading)
    assert add(dossier, reading) is dossier


def test_an_event_that_cannot_be_folded_leaves_its_neighbours_alone() -> None:
    good = Reading(
        (
            state(
                "stripe:pi_1",
                Kind.PAYMENT,
                Payment(status="succeeded", amount=100, received=100, currency="USD", claims=True),
                at=1,
            ),
        )
    )
    bad = Reading((state("stripe:pi_2", Kind.PAYMENT, Payment(status=5, amount="x"), at=2),))  # type: ignore[arg-type]
    result = fold(Dossier(), [("good", good), ("bad", bad)], NOW)
    assert list(result.failed) == ["bad"]
    assert result.order is not None
    assert result.order.amount_paid == 100


def test_a_refund_that_failed_after_it_succeeded_is_failed_whichever_is_seen_first() -> None:
    good = state("re", Kind.REFUND, Refund(status="succeeded", amount=5), at=2)
    failed = state("re", Kind.REFUND, Refund(status="failed", amount=5), at=1)
    assert values(merge_facts(good, failed))["status"] == values(merge_facts(failed, good))["status"] == "failed"


def test_a_payment_that_succeeded_never_goes_back() -> None:
    paid = state("pi", Kind.PAYMENT, Payment(status="succeeded"), at=1)
    late = state("pi", Kind.PAYMENT, Payment(status="failed"), at=9)
    assert values(merge_facts(paid, late))["status"] == "succeeded"


def test_a_failed_payment_is_open_again_once_it_is_tried_again() -> None:
    failed = state("pi", Kind.PAYMENT, Payment(status="failed"), at=1)
    again = state("pi", Kind.PAYMENT, Payment(status="processing"), at=2)
    assert values(merge_facts(again, failed))["status"] == "processing"
