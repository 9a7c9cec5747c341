"""Hypothesis strategies: statements about the objects of one sale, as adapters would make them."""

from __future__ import annotations

from hypothesis import strategies as st

from handlers.merge import state
from schemas.fact import Fact, Kind, Reading
from schemas.stated import (
    Charge,
    ChargeTotal,
    Claim,
    Credit,
    Dispute,
    Form,
    Fulfillment,
    Hand,
    Line,
    Party,
    Payment,
    Refund,
)

TIMES = st.integers(1_600_000_000, 1_600_000_006).map(lambda second: second * 1_000_000)  # few, so that many tie
AMOUNTS = st.sampled_from([0, 1, 500, 999, 1000, 2500])
CURRENCIES = st.sampled_from(["USD", "USD", "USD", "JPY", "KWD"])
PAYMENTS = st.sampled_from(["stripe:pi_1", "stripe:pi_2", "stripe:ch_9"])
PARTIES = st.builds(
    Party,
    ids=st.sampled_from([(), ("stripe:cus_1",), ("stripe:cus_2",)]),
    email=st.sampled_from([None, "a@example.com", "b@example.com"]),
    name=st.sampled_from([None, "Ana", "Bo"]),
)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Line, ...]:
    found = []
    for index in range(draw(st.integers(0, 2))):
        subtotal, discount, tax = draw(AMOUNTS), draw(st.sampled_from([0, 100])), draw(st.sampled_from([0, 80]))
        found.append(
            Line(
                key=f"l{index}",
                name="Thing",
                unit_price=subtotal,
                discount=discount,
                subtotal=subtotal,
                tax=tax,
                total=subtotal - discount + tax,
            )
        )
    return tuple(found)


@st.composite
def claims(draw: st.DrawFn) -> Fact:
    form, key = draw(
        st.sampled_from(
            [
                (Form.CHECKOUT, "stripe:cs_1"),
                (Form.INVOICE, "stripe:in_1"),
                (Form.SHOP, "shop:order:1"),
                (Form.FEED, "feed:order:1"),
            ]
        )
    )
    stated = Claim(
        form=form,
        claims=draw(st.booleans()),
        connection=key.split(":")[0],
        external_id=key.split(":")[-1],
        title=draw(st.sampled_from([None, "One", "Two"])),
        currency=draw(CURRENCIES),
        total=draw(AMOUNTS),
        lines=draw(lines()),
        charges=draw(st.sampled_from([(), (Charge(kind="shipping", value="300", amount=300),)])),
        open=draw(st.booleans()),
        failed=draw(st.booleans()),
        canceled=draw(st.booleans()),
        settled=draw(st.booleans()),
        stated_paid=draw(AMOUNTS),
        stated_returned=draw(st.sampled_from([0, 0, 500])),
        pays_with=draw(st.sampled_from([(), ("stripe:pi_1",), ("stripe:ch_9",)])),
        party=draw(PARTIES),
        ordered_at=draw(TIMES),
        due_at=draw(st.none() | TIMES),
        shipping_status=draw(st.sampled_from([None, "shipped"])),
        stripe=draw(st.sampled_from([{}, {"checkout_session_id": "cs_1"}, {"customer_id": "cus_1"}])),
        livemode=draw(st.booleans()),
    )
    rank, version = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    event = draw(st.sampled_from("abc"))
    return state(key, Kind.CLAIM, stated, at=draw(TIMES), rank=rank, event=event, version=version)


@st.composite
def movements(draw: st.DrawFn) -> Fact:
    at, rank = draw(TIMES), draw(st.integers(0, 3))
    status = draw(st.sampled_from(["pending", "requires_action", "processing", "failed", "canceled", "succeeded"]))
    payment = Payment(
        status=status,
        amount=draw(AMOUNTS),
        received=draw(AMOUNTS),
        currency=draw(CURRENCIES),
        failure_code=draw(st.sampled_from([None, "insufficient_funds"])),
        claims=draw(st.sampled_from([False, False, True])),
        party=draw(PARTIES),
        attempted_at=draw(TIMES),
    )
    refund = Refund(
        payment=draw(st.none() | PAYMENTS), charge=draw(st.sampled_from([None, "stripe:ch_1"])), amount=draw(AMOUNTS), currency=draw(CURRENCIES),
        status=draw(st.sampled_from(["pending", "succeeded", "failed"])), refunded_at=draw(TIMES),
    )  # fmt: skip
    dispute = Dispute(
        payment=draw(PAYMENTS),
        amount=draw(AMOUNTS),
        currency="USD",
        status=draw(st.sampled_from(["needs_response", "won", "lost"])),
    )
    total = ChargeTotal(payment=draw(PAYMENTS), refunded=draw(AMOUNTS), currency="USD")
    credit = Credit(amount=draw(st.sampled_from([0, 1])), currency="USD", void=draw(st.booleans()))
    shipped = Fulfillment(
        status=draw(st.sampled_from(["success", "cancelled"])),
        tracking_url=draw(st.sampled_from([None, "https://t.example/1"])),
        lines={"l0": "1"},
    )
    hand = Hand(title=draw(st.sampled_from(["Hand", "Other"])), notes=draw(st.sampled_from([None, "n"])))
    key, kind, stated = draw(
        st.sampled_from(
            [
                (draw(PAYMENTS), Kind.PAYMENT, payment),
                (f"stripe:re_{draw(st.integers(1, 2))}", Kind.REFUND, refund),
                ("stripe:dp_1", Kind.DISPUTE, dispute),
                ("stripe:ch_1", Kind.CHARGE, total),
                ("stripe:cn_1", Kind.CREDIT, credit),
                ("shop:fulfillment:1", Kind.FULFILLMENT, shipped),
                ("hand:1", Kind.HAND, hand),
            ]
        )
    )
    return state(key, kind, stated, at=at, rank=rank, event=draw(st.sampled_from("abc")))


READINGS = st.builds(
    lambda facts, links, refs: Reading(tuple(facts), tuple(links), tuple(refs)),
    st.lists(claims() | movements(), min_size=1, max_size=3),
    st.lists(PAYMENTS, max_size=2),
    st.lists(st.sampled_from(["13", "order-1"]), max_size=1),
)
STREAMS = st.lists(READINGS, min_size=1, max_size=7)
