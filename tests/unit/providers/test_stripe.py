"""Stripe: what each event states, in the shapes of every API version, and the order that follows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.derive import derive, makes_order
from handlers.errors import Unmappable
from handlers.merge import add, values
from handlers.providers import stripe
from schemas.fact import Dossier, Ignored, Kind, Reading
from schemas.order import Order
from schemas.provider import Delivery, Event, Source
from tests.world import PAYLOADS, payload

NOW = 1_800_000_000_000_000
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
FILES = sorted(path.name for path in (PAYLOADS / "stripe").glob("*.json"))


def read(body: dict[str, Any], event_id: str = "e", **settings: Any) -> Reading | Ignored:
    topic = body.get("type") if isinstance(body.get("type"), str) else ""
    source = Source("stripe", settings=settings)
    return stripe.facts(Event(event_id, source, topic or "", body, {}, RECEIVED, body.get("livemode") is not False))


def event(kind: str, object_: dict[str, Any], created: int = 1_700_000_000, **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{kind}",
        "object": "event",
        "type": kind,
        "created": created,
        "livemode": True,
        "data": {"object": object_},
        **more,
    }


def order_of(*bodies: dict[str, Any], **settings: Any) -> Order:
    dossier = Dossier()
    for body in bodies:
        reading = read(body, **settings)
        assert isinstance(reading, Reading)
        dossier = add(dossier, reading)
    assert makes_order(dossier)
    return derive(dossier, NOW)


def invoice(status: str = "paid", **more: Any) -> dict[str, Any]:
    return {
        "id": "in_1", "object": "invoice", "status": status, "currency": "usd", "total": 1000, "amount_due": 1000,
        "amount_paid": 1000 if status == "paid" else 0, "created": 1_700_000_000, "customer": "cus_1", "lines": {"data": []}, **more,
    }  # fmt: skip


def session(**more: Any) -> dict[str, Any]:
    return {
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid", "currency": "usd",
        "amount_subtotal": 1000, "amount_total": 1000, "created": 1_700_000_000, **more,
    }  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_P2_every_recorded_event_is_read_the_same_way_twice(name: str) -> None:
    body = msgspec.json.decode(payload("stripe", name))
    first, second = read(body), read(body)
    assert first == second
    if isinstance(first, Ignored):
        assert body["type"] not in stripe.TOPICS
        assert body["type"] in first.reason
    else:
        assert body["type"] in stripe.TOPICS
        assert first.keys


@pytest.mark.parametrize(
    "kind",
    [
        "payout.paid",
        "product.created",
        "customer.created",
        "invoice.upcoming",
        "",
        "v1.billing.meter.error_report_triggered",
    ],
)
def test_P2_any_other_type_is_ignored_with_its_name(kind: str) -> None:
    found = read(event(kind, {"id": "x"}))
    assert isinstance(found, Ignored)
    assert kind in found.reason


def test_a_session_that_only_saves_a_payment_method_sells_nothing() -> None:
    assert isinstance(read(event("checkout.session.completed", session(mode="setup"))), Ignored)


def test_completed_is_not_paid_until_a_delayed_method_succeeds() -> None:
    completed = event("checkout.session.completed", session(payment_status="unpaid"))
    assert order_of(completed).payment_status == "pending"
    later = event("checkout.session.async_payment_succeeded", session(), 1_700_000_100)
    assert order_of(later, completed).payment_status == "paid"
    failed = event("checkout.session.async_payment_failed", session(payment_status="unpaid"), 1_700_000_100)
    assert order_of(failed, completed).payment_status == "failed"


def test_an_expired_session_is_a_canceled_order() -> None:
    assert (
        order_of(event("checkout.session.expired", session(status="expired", payment_status="unpaid"))).payment_status
        == "canceled"
    )


def test_a_free_session_is_paid() -> None:
    free = session(amount_total=0, amount_subtotal=0, payment_status="no_payment_required")
    assert order_of(event("checkout.session.completed", free)).payment_status == "paid"


def test_tax_inside_and_outside_the_prices_of_a_session_adds_up() -> None:
    outside = session(
        amount_total=1290, total_details={"amount_tax": 190, "amount_shipping": 200, "amount_discount": 100}
    )
    order = order_of(event("checkout.session.completed", outside))
    assert [(charge.kind, charge.amount) for charge in order.charges] == [
        ("discount", -100),
        ("shipping", 200),
        ("tax", 190),
    ]
    inside = session(total_details={"amount_tax": 160, "amount_shipping": 0, "amount_discount": 0})
    order = order_of(event("checkout.session.completed", inside))
    assert (order.lines[0].subtotal, order.lines[0].tax, order.amount, order.charges) == (840, 160, 1000, ())


def test_a_basil_invoice_is_paid_at_once_and_its_payment_counts_once_when_the_link_comes() -> None:
    paid = event("invoice.paid", invoice(parent={"subscription_details": {"subscription": "sub_1"}}))
    alone = order_of(paid)
    assert (alone.payment_status, alone.amount_paid, alone.stripe["subscription_id"]) == ("paid", 1000, "sub_1")
    link = event("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1", "amount_paid": 1000, "currency": "usd", "status": "paid",
                                          "payment": {"type": "payment_intent", "payment_intent": "pi_1"}})  # fmt: skip
    intent = event(
        "payment_intent.succeeded",
        {"id": "pi_1", "amount": 1000, "amount_received": 1000, "currency": "usd", "status": "succeeded"},
    )
    linked = order_of(intent, link, paid)
    assert [(row.key, row.counted) for row in linked.payments] == [("stripe:pi_1", 1000)]


def test_a_draft_invoice_makes_no_order_and_a_finalized_one_does() -> None:
    draft = read(event("invoice.created", invoice("draft")))
    assert isinstance(draft, Reading)
    assert not makes_order(add(Dossier(), draft))
    assert order_of(event("invoice.finalized", invoice("open"))).payment_status == "pending"


def test_an_invoice_of_a_customer_with_credit_is_paid_in_full() -> None:
    order = order_of(event("invoice.paid", invoice(amount_due=800, amount_paid=800)))
    assert (order.payment_status, order.amount, order.amount_paid) == ("paid", 1000, 1000)


def test_a_credit_note_before_payment_lowers_what_is_owed_once() -> None:
    note = event(
        "credit_note.created",
        {"id": "cn_1", "invoice": "in_1", "currency": "usd", "total": 300, "type": "pre_payment", "status": "issued"},
    )
    opened = event("invoice.finalized", invoice("open"))
    assert order_of(opened, note).amount == 700
    paid = event(
        "invoice.paid", invoice(amount_due=700, amount_paid=700, pre_payment_credit_notes_amount=300), 1_700_000_100
    )
    for bodies in ((opened, note, paid), (paid,), (paid, note)):
        order = order_of(*bodies)
        assert (order.amount, order.amount_paid, order.payment_status) == (700, 700, "paid")
    voided = event(
        "credit_note.voided",
        {"id": "cn_1", "invoice": "in_1", "currency": "usd", "total": 300, "type": "pre_payment", "status": "void"},
    )
    assert order_of(opened, voided, note).amount == 1000


def test_an_intent_makes_an_order_only_where_the_connection_says_so() -> None:
    intent = event(
        "payment_intent.succeeded",
        {
            "id": "pi_1",
            "amount": 1000,
            "amount_received": 1000,
            "currency": "usd",
            "status": "succeeded",
            "customer": "cus_1",
        },
    )
    reading = read(intent)
    assert isinstance(reading, Reading)
    assert not makes_order(add(Dossier(), reading))
    order = order_of(intent, orders_from=["payment_intent"])
    assert (order.external_id, order.payment_status, order.managed_by) == ("pi_1", "paid", "stripe")
    both = order_of(
        intent,
        event("checkout.session.completed", session(payment_intent="pi_1")),
        orders_from=["payment_intent", "checkout"],
    )
    assert (both.external_id, both.amount_paid) == ("cs_1", 1000)


def test_a_failed_attempt_says_why_and_a_blocked_one_is_fraud() -> None:
    error = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    }
    failed = event(
        "payment_intent.payment_failed",
        {
            "id": "pi_1",
            "amount": 1000,
            "currency": "usd",
            "status": "requires_payment_method",
            "last_payment_error": error,
        },
    )
    checkout = event(
        "checkout.session.expired", session(payment_intent="pi_1", status="expired", payment_status="unpaid")
    )
    [payment] = order_of(checkout, failed).payments
    assert (payment.status, payment.failure_code, payment.failure_reason) == (
        "failed",
        "insufficient_funds",
        "insufficient funds",
    )
    blocked = event(
        "charge.failed",
        {
            "id": "ch_1",
            "amount": 1000,
            "currency": "usd",
            "status": "failed",
            "payment_intent": "pi_1",
            "outcome": {"type": "blocked"},
        },
    )
    assert order_of(checkout, blocked).payments[0].failure_reason == "blocked as fraud"


def test_an_authorised_charge_is_not_paid_until_it_is_captured() -> None:
    charge = {
        "id": "ch_1",
        "amount": 1000,
        "currency": "usd",
        "status": "succeeded",
        "captured": False,
        "payment_intent": "pi_1",
    }
    checkout = event("checkout.session.completed", session(payment_intent="pi_1", payment_status="unpaid"))
    authorised = event("charge.succeeded", charge)
    assert order_of(checkout, authorised).payment_status == "pending"
    captured = event("charge.captured", {**charge, "captured": True, "amount_captured": 700}, 1_700_000_050)
    order = order_of(captured, authorised, checkout)
    assert (order.payment_status, order.amount_paid) == ("partially_paid", 700)


def test_fee_and_net_come_with_an_expanded_balance_transaction() -> None:
    charge = {"id": "ch_1", "amount": 1000, "currency": "usd", "status": "succeeded", "payment_intent": "pi_1",
              "balance_transaction": {"id": "txn_1", "currency": "usd", "fee": 59, "net": 941}}  # fmt: skip
    checkout = event("checkout.session.completed", session(payment_intent="pi_1"))
    [payment] = order_of(checkout, event("charge.updated", charge)).payments
    assert (payment.fee, payment.net) == (59, 941)


def test_connected_accounts_keep_their_objects_apart() -> None:
    own = read(event("checkout.session.completed", session(payment_intent="pi_1")))
    theirs = read(event("checkout.session.completed", session(payment_intent="pi_1"), account="acct_1"))
    assert isinstance(own, Reading)
    assert isinstance(theirs, Reading)
    assert not set(own.keys) & set(theirs.keys)


def test_many_sales_share_a_subscription_and_are_not_linked_by_it() -> None:
    subscription = read(
        event(
            "customer.subscription.updated",
            {
                "id": "sub_1",
                "status": "active",
                "customer": "cus_1",
                "items": {"data": [{"current_period_end": 1_800_000_000}]},
            },
        )
    )
    assert isinstance(subscription, Reading)
    assert subscription.keys == ("stripe:sub_1",)
    assert values(subscription.facts[0])["current_period_end"] == 1_800_000_000_000_000
    assert subscription.facts[0].kind is Kind.SUBSCRIPTION
    billed = read(event("invoice.paid", invoice(subscription="sub_1")))
    assert isinstance(billed, Reading)
    assert "stripe:sub_1" not in billed.keys


def test_a_thin_event_asks_for_its_object_and_is_read_from_it() -> None:
    body = {"id": "evt_thin", "object": "v2.core.event", "type": "v1.checkout.session.completed", "created": "2026-01-01T00:00:00.000Z", "livemode": True,
            "related_object": {"id": "cs_1", "type": "checkout.session", "url": "/v1/checkout/sessions/cs_1"}, "snapshot_event": "evt_1"}  # fmt: skip
    thin = Event("e", Source("stripe"), body["type"], body, {}, RECEIVED)
    [fetch] = stripe.fetches(thin)
    assert fetch.path == "/v1/checkout/sessions/cs_1"
    found = stripe.facts(msgspec.structs.replace(thin, fetched={fetch.name: session()}))
    assert isinstance(found, Reading)
    assert "stripe:cs_1" in found.keys
    identity = stripe.identify(Delivery({}, msgspec.json.encode(body), 0.0), Source("stripe"))
    assert identity.delivery_id == "evt_1"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["", "usd", "\x00", "9" * 300, -1, 2**70]), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2), max_leaves=4)  # fmt: skip


@given(st.sampled_from(FILES), st.data())
def test_a_payload_with_any_field_replaced_is_read_ignored_or_refused_with_a_path(
    name: str, data: st.DataObject
) -> None:
    body = msgspec.json.decode(payload("stripe", name))
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = body
        while isinstance(place, dict) and place:
            key = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
                place[key] = data.draw(JSON)
                break
            place = place[key]
    found: Reading | Ignored | Unmappable
    try:
        found = read(body)
    except Unmappable as refused:
        found = refused
    if isinstance(found, Unmappable):
        assert found.path
    if isinstance(found, Reading):
        dossier = add(Dossier(), found)
        if makes_order(dossier):
            derive(dossier, NOW)
