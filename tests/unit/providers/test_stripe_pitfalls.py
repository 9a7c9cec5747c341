"""Stripe's own pitfalls, each found by somebody before: the figure or the state that follows must be right."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.errors import Unmappable
from handlers.providers import stripe
from schemas.fact import Ignored, Reading
from schemas.provider import Delivery, Event, Source
from tests.unit.providers.test_stripe import RECEIVED, event, invoice, order_of, read, session

MADE = 1_700_000_000


def intent(**more: Any) -> dict[str, Any]:
    return {"id": "pi_1", "amount": 1000, "currency": "usd", "status": "succeeded", "created": MADE, **more}


def charge(**more: Any) -> dict[str, Any]:
    return {"id": "ch_1", "amount": 1000, "amount_refunded": 0, "captured": True, "currency": "usd", "status": "succeeded",
            "payment_intent": "pi_1", "created": MADE, **more}  # fmt: skip


UNPAID = event("checkout.session.completed", session(payment_intent="pi_1", payment_status="unpaid"), MADE + 1)


def test_the_part_of_an_authorisation_that_was_not_captured_is_no_refund() -> None:
    captured = event("charge.captured", charge(amount_captured=700, amount_refunded=300), MADE + 5)
    order = order_of(UNPAID, captured)
    assert (order.amount_paid, order.amount_refunded, order.payment_status) == (700, 0, "partially_paid")
    returned = event("charge.refunded", charge(amount_captured=700, amount_refunded=500), MADE + 9)
    assert order_of(UNPAID, captured, returned).amount_refunded == 200


def test_a_released_authorisation_is_canceled_and_nothing_was_refunded() -> None:
    released = event("charge.refunded", charge(captured=False, amount_captured=0, amount_refunded=1000), MADE + 9)
    order = order_of(
        event(
            "checkout.session.expired",
            session(payment_intent="pi_1", payment_status="unpaid", status="expired"),
            MADE + 8,
        ),
        released,
    )
    assert (order.payment_status, order.amount_paid, order.amount_refunded) == ("canceled", 0, 0)


def test_a_renewal_that_needs_the_customer_is_open_and_not_failed_even_within_one_second() -> None:
    opened = invoice("open", payment_intent="pi_1")
    bodies = [
        event("invoice.payment_failed", opened),
        event("invoice.payment_action_required", opened),
        event("payment_intent.requires_action", intent(status="requires_action")),
    ]
    for arrival in (bodies, bodies[::-1]):
        order = order_of(*arrival)
        assert (order.payment_status, [row.status for row in order.payments]) == ("pending", ["requires_action"])


def test_a_subscriptions_checkout_and_its_first_invoice_are_one_sale_though_neither_names_the_other() -> None:
    bought = read(event("checkout.session.completed", session(mode="subscription", subscription="sub_1")))
    first = read(event("invoice.paid", invoice(subscription="sub_1", billing_reason="subscription_create")))
    basil = read(
        event(
            "invoice.paid",
            invoice(
                id="in_2",
                billing_reason="subscription_create",
                parent={"subscription_details": {"subscription": "sub_1"}},
            ),
        )
    )
    renewal = read(event("invoice.paid", invoice(id="in_3", subscription="sub_1", billing_reason="subscription_cycle")))
    assert not any(isinstance(reading, Ignored) for reading in (bought, first, basil, renewal))
    keys = [set(reading.keys) for reading in (bought, first, basil, renewal) if isinstance(reading, Reading)]
    assert keys[0] & keys[1]
    assert keys[0] & keys[2]
    assert not keys[0] & keys[3]


def test_a_session_of_2019_states_its_items_and_no_total() -> None:
    old = {
        "id": "cs_1",
        "payment_intent": "pi_1",
        "display_items": [{"amount": 1500, "currency": "eur", "quantity": 2, "custom": {"name": "T-shirt"}}],
    }
    order = order_of(
        event("checkout.session.completed", old),
        event("payment_intent.succeeded", intent(amount=3000, amount_received=3000, currency="eur")),
    )
    assert (order.currency, order.amount, order.payment_status) == ("EUR", 3000, "paid")


def test_a_delayed_method_was_paid_when_it_succeeded_and_not_when_its_charge_was_made() -> None:
    succeeded = event("payment_intent.succeeded", intent(amount_received=1000), MADE + 900_000)
    later = event("charge.updated", charge(), MADE + 900_003)
    for arrival in ((UNPAID, succeeded, later), (later, succeeded, UNPAID)):
        assert order_of(*arrival).paid_at == (MADE + 900_000) * 1_000_000


def test_an_update_of_an_old_failed_charge_does_not_fail_a_payment_that_is_tried_again() -> None:
    failed = charge(id="ch_0", status="failed", failure_code="card_declined")
    bodies = (
        UNPAID,
        event("charge.failed", failed, MADE + 1),
        event("payment_intent.processing", intent(status="processing"), MADE + 60),
        event("charge.updated", failed, MADE + 70),
    )
    assert [row.status for row in order_of(*bodies).payments] == ["processing"]


@pytest.mark.parametrize(
    ("topic", "status"),
    [
        ("invoice.paid", "paid"),
        ("invoice.payment_succeeded", "paid"),
        ("invoice.voided", "canceled"),
        ("invoice.marked_uncollectible", "failed"),
    ],
)
def test_what_an_invoices_topic_says_outranks_the_object_beside_it(topic: str, status: str) -> None:
    assert order_of(event(topic, invoice("open"))).payment_status == status


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "//evil.example/x", "/v1/../x", "/v1/a?b=c", "/v2/core/events/x", "", None, 5]
)
def test_a_thin_event_can_send_our_key_nowhere_but_to_stripes_own_paths(url: Any) -> None:
    body = {
        "id": "e",
        "object": "v2.core.event",
        "type": "v1.charge.refunded",
        "created": "2026-01-01T00:00:00Z",
        "related_object": {"id": "ch_1", "url": url},
    }
    with pytest.raises(Unmappable) as refused:
        stripe.fetches(Event("e", Source("stripe"), "v1.charge.refunded", body, {}, RECEIVED))
    assert refused.value.path == "related_object.url"


def test_a_thin_event_and_its_snapshot_are_no_conflict() -> None:
    body = b'{"id":"evt_thin","object":"v2.core.event","type":"v1.charge.refunded","snapshot_event":"evt_1"}'
    assert stripe.identify(Delivery({}, body, 0.0), Source("stripe")).sound is False


@pytest.mark.parametrize("name", ["x" * 300, "a\x00b", "", None, [], {}, True, 5])
def test_metadata_that_names_no_order_never_holds_money_up(name: Any) -> None:
    found = read(event("payment_intent.succeeded", intent(metadata={"order_id": name})))
    assert isinstance(found, Reading)
    assert found.refs == (("5",) if name == 5 else ())


@pytest.mark.parametrize("tolerance", ["300", None, -1, True, 10**9, []])
def test_a_senseless_tolerance_means_the_usual_one(tolerance: Any) -> None:
    headers = {name.lower(): value for name, value in stripe.sign(b"{}", "", b"s", 100.0, {}).items()}
    source = Source("stripe", (b"s",), {"tolerance_s": tolerance})
    assert stripe.verify(Delivery(headers, b"{}", 400.0), source).verdict == "verified"
    assert stripe.verify(Delivery(headers, b"{}", 401.0), source).cause == "stale"


def test_old_invoice_lines_that_share_an_id_stay_two_lines() -> None:
    lines = {"data": [{"id": "sub_1", "amount": 400, "quantity": True}, {"id": "sub_1", "amount": 600}]}
    order = order_of(event("invoice.paid", invoice(lines=lines)))
    assert len({line.key for line in order.lines}) == 2
    assert [(line.quantity, line.total) for line in order.lines] == [("1", 400), ("1", 600)]


@pytest.mark.parametrize(
    ("kind", "object_"),
    [
        ("charge.succeeded", charge(amount=-1)),
        ("payment_intent.created", intent(amount=-5)),
        ("refund.created", {"id": "re_1", "amount": -1, "currency": "usd"}),
    ],
)
def test_money_that_moved_is_never_below_zero(kind: str, object_: dict[str, Any]) -> None:
    with pytest.raises(Unmappable, match="below zero"):
        read(event(kind, object_))
