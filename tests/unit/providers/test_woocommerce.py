"""WooCommerce's bodies, with figures worked out by hand."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import pytest

from handlers.errors import Unmappable
from handlers.merge import state
from handlers.providers import woocommerce
from schemas.fact import Ignored, Kind, Reading
from schemas.provider import Cause, Delivery, Lane, Source, Verdict
from schemas.stated import Payment, Refund
from tests.unit.providers.events import body_of, kinds, order_of, read, stated


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def payload(name: str, topic: str = "order.updated") -> Reading | Ignored:
    return read(woocommerce, topic, body_of("woocommerce", name))


def line(**fields: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "Thing",
        "quantity": 1,
        "subtotal": "10.00",
        "total": "10.00",
        "total_tax": "0.00",
        **fields,
    }


def order(topic: str = "order.updated", **fields: Any) -> Reading | Ignored:
    """A small order, with some fields as given."""
    return read(
        woocommerce,
        topic,
        {
            "id": 7, "number": "7", "status": "pending", "currency": "USD", "total": "10.00", "customer_id": 0,
            "date_created_gmt": "2026-01-01T00:00:00", "date_modified_gmt": "2026-01-02T00:00:00",
            "billing": {"email": "Ana@Example.com "}, "line_items": [line()], **fields,
        },
    )  # fmt: skip


PAID = {"date_paid_gmt": "2026-01-01T12:00:00", "status": "processing"}


def charges(reading: Reading | Ignored) -> list[tuple[str, int]]:
    return [(charge["kind"], charge["amount"]) for charge in stated(reading, "shop:order:7")["charges"]]


def test_the_documented_order_adds_up_to_its_total() -> None:
    reading = payload("order_created__processing", "order.created")
    claim = stated(reading, "shop:order:727")
    figures = [
        (one["quantity"], one["unit_price"], one["subtotal"], one["tax"], one["total"]) for one in claim["lines"]
    ]
    assert figures == [("2", 300, 600, 45, 645), ("1", 1200, 1200, 90, 1290)]
    assert claim["lines"][1]["name"] == "Ship Your Idea – Color: Black, Size: M Test"
    found = order_of(reading)
    assert (found.amount, found.shipping_amount, found.summary.taxes_total) == (2935, 1000, 135)
    assert [charge.kind for charge in found.charges] == ["shipping"]
    assert (found.payment_status, found.paid_at) == ("paid", at("2017-03-22T19:28:08+00:00"))
    assert (found.party.email, found.party.ids, found.party.name) == ("john.doe@example.com", (), "John Doe")
    assert (found.title, found.external_number) == ("WooCommerce #727", "727")


def test_a_version_seen_late_changes_nothing() -> None:
    created, completed = payload("order_created__processing", "order.created"), payload("order_updated__completed")
    for found in (order_of(created, completed), order_of(completed, created)):
        assert (found.shipping_status, found.payment_status) == ("shipped", "paid")


def test_a_refunded_order_gave_everything_back_once() -> None:
    reading = payload("order_updated__fully_refunded")
    assert isinstance(reading, Reading)
    assert reading.links == ("stripe:ch_1AuSNqJK48mSkzFLotmV4n6U",)
    found = order_of(reading, reading)
    assert (found.amount, found.shipping_amount, found.payment_status) == (22371, 4371, "refunded")
    assert (found.amount_paid, found.amount_refunded) == (22371, 22371)
    assert found.party.ids == ("shop:customer:1",)


def test_tax_included_prices_are_net_in_the_body_already() -> None:
    reading = payload("order_updated__wcpay_charge")
    [found] = stated(reading, "shop:order:211")["lines"]
    assert (found["subtotal"], found["tax"], found["total"], found["tax_rate"]) == (1765, 35, 1800, "2")
    assert [(one.kind, one.amount) for one in order_of(reading).charges] == [("shipping", 1500), ("tax", 30)]
    assert order_of(reading).amount == 3330


def test_an_order_paid_over_stripe_names_the_payment_intent_first() -> None:
    reading = payload("order_updated__wcpay_charge")
    claim = stated(reading, "shop:order:211")
    assert claim["pays_with"] == ("stripe:pi_3KMuym2EdyGr1FMV0TtJrfac", "stripe:ch_3KMuym2EdyGr1FMV0uQZeFqm")
    assert claim["stripe"] == {"payment_intent_id": "pi_3KMuym2EdyGr1FMV0TtJrfac"}
    assert isinstance(reading, Reading)
    assert set(reading.keys) == {"shop:order:211", *claim["pays_with"]}


def test_a_sale_seen_by_stripe_too_is_counted_once() -> None:
    intent = "stripe:pi_3KMuym2EdyGr1FMV0TtJrfac"
    back = {"id": 622, "reason": "torn", "total": "-3.30"}
    shop = read(
        woocommerce, "order.updated", {**body_of("woocommerce", "order_updated__wcpay_charge"), "refunds": [back]}
    )
    when = at("2022-01-28T13:59:09+00:00")
    paid = Payment(status="succeeded", amount=3330, received=3330, currency="USD", system="stripe", paid_at=when)
    given_back = Refund(payment=intent, charge=None, amount=330, currency="USD", status="succeeded", refunded_at=when)
    stripe = Reading(
        (state(intent, Kind.PAYMENT, paid, at=when), state("stripe:re_1", Kind.REFUND, given_back, at=when))
    )
    for readings in itertools.permutations((shop, stripe)):
        found = order_of(*readings)
        assert (found.amount_paid, found.amount_refunded, found.payment_status) == (3330, 330, "paid")
        assert [(row.key, row.counted) for row in found.payments] == [(intent, 3330)]
        assert [row.key for row in found.refunds] == ["stripe:re_1"]
    alone = order_of(shop)
    assert (alone.amount_paid, alone.amount_refunded) == (3330, 330)


def test_gift_cards_are_taken_off_where_the_total_is_after_them() -> None:
    found = order_of(payload("order_created__gift_cards", "order.created"))
    assert (found.amount, found.amount_paid) == (400, 400)
    assert [(one.kind, one.amount) for one in found.charges] == [("shipping", 1000), ("price_adjustment", -2400)]


def test_the_parts_of_a_composite_come_to_nothing() -> None:
    found = order_of(payload("order_created__composite", "order.created"))
    assert [line.total for line in found.lines] == [230000, 0, 0, 0]
    assert (found.amount, found.charges, found.party.ids, found.party.email) == (230000, (), (), None)
    assert (found.billing_address, found.shipping_address) == (None, None)


def test_coupons_lie_between_a_line_s_subtotal_and_total_and_fees_are_charges() -> None:
    reading = payload("order_updated__ios")
    claim = stated(reading, "shop:order:963")
    figures = [(one["quantity"], one["subtotal"], one["discount"], one["tax"], one["total"]) for one in claim["lines"]]
    assert figures == [("2", 5000, 2000, 120, 3120), ("1.5", 1000, 1000, 0, 0)]
    assert (claim["lines"][0]["tax_rate"], claim["lines"][0]["delivery_method"]) == (
        None,
        "International Priority Mail Express Flat Rate",
    )
    found = order_of(reading)
    assert found.amount == 3120
    assert [(one.kind, one.amount) for one in found.charges] == [("surcharges", 12550), ("price_adjustment", -12550)]


def test_a_total_that_the_lines_do_not_reach_is_shown_as_a_difference() -> None:
    found = order_of(payload("order_created__faulty_attributes", "order.created"))
    assert (found.amount, found.payment_status) == (37823, "pending")
    assert [(one.kind, one.amount) for one in found.charges] == [("tax", 62), ("price_adjustment", 700)]


def test_a_fee_below_zero_is_a_price_adjustment_and_its_tax_too() -> None:
    fees = [
        {"id": 3, "name": "Early &amp; bird", "total": "-2.00", "total_tax": "-0.20"},
        {"id": 4, "name": "Wrapping", "total": "1.00", "total_tax": "0.10"},
    ]
    reading = order(total="8.90", fee_lines=fees)
    assert charges(reading) == [("price_adjustment", -200), ("price_adjustment", -20), ("surcharges", 100), ("tax", 10)]
    assert stated(reading, "shop:order:7")["charges"][0]["label"] == "Early & bird"
    assert order_of(reading).summary.order_total == 890


def test_figures_of_a_line_may_have_more_digits_than_the_currency() -> None:
    lines = [line(subtotal="3.333333", total="3.333333", total_tax="0.633333")]
    [found] = stated(order(total="3.96", line_items=lines), "shop:order:7")["lines"]
    assert (found["subtotal"], found["tax"], found["total"]) == (333, 63, 396)
    dinar = order(currency="KWD", total="1.500", line_items=[line(subtotal="1.5", total="1.5", quantity=3)])
    [found] = stated(dinar, "shop:order:7")["lines"]
    assert (found["unit_price"], found["total"]) == (500, 1500)
    yen = order(currency="JPY", total="100.00", line_items=[line(subtotal="100.00", total="100.00")])
    assert order_of(yen).amount == 100


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "pending"}, ("pending", 0, 0)),
        ({"status": "on-hold"}, ("pending", 0, 0)),
        ({"status": "checkout-draft"}, ("pending", 0, 0)),
        ({"status": "processing"}, ("pending", 0, 0)),
        (PAID, ("paid", 1000, 0)),
        ({**PAID, "status": "completed"}, ("paid", 1000, 0)),
        ({**PAID, "status": "partial-shipped"}, ("paid", 1000, 0)),
        ({"status": "awaiting-shipment"}, ("pending", 0, 0)),
        ({"status": "failed"}, ("failed", 0, 0)),
        ({"status": "cancelled"}, ("canceled", 0, 0)),
        ({"status": "trash"}, ("canceled", 0, 0)),
        ({**PAID, "status": "cancelled"}, ("paid", 1000, 0)),
        ({"status": "refunded"}, ("refunded", 1000, 1000)),
        ({**PAID, "refunds": [{"id": 1, "total": "-4.00"}, {"id": 2, "total": "-1.00"}]}, ("paid", 1000, 500)),
        ({"status": "completed", "total": "0.00", "line_items": []}, ("paid", 0, 0)),
    ],
)
def test_status_and_date_of_payment_become_payment_status(
    fields: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    found = order_of(order(**fields))
    assert (found.payment_status, found.amount_paid, found.amount_refunded) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("processing", "unshipped"), ("completed", "shipped"), ("wc-delivered", "delivered"),
        ("partial-shipped", "partially_shipped"), ("a-plugin-s-own", "unshipped"),
    ],
)  # fmt: skip
def test_status_says_what_is_known_of_the_goods(status: str, expected: str) -> None:
    assert order_of(order(status=status)).shipping_status == expected


def test_a_refund_keeps_the_date_of_the_version_that_first_listed_it() -> None:
    back: dict[str, Any] = {"refunds": [{"id": 1, "reason": "", "total": "-4.00"}]}
    first, later = order(**PAID, **back), order(**PAID, **back, date_modified_gmt="2026-03-01T00:00:00")
    for readings in ((first, later), (later, first)):
        [row] = order_of(*readings).refunds
        assert (row.key, row.amount, row.refunded_at) == ("shop:refund:1", 400, at("2026-01-02T00:00:00+00:00"))


def test_of_two_versions_of_one_second_the_one_further_along_stands() -> None:
    one, two = order(customer_note="first"), order(**PAID, customer_note="")
    for readings in ((one, two), (two, one)):
        assert (order_of(*readings).payment_status, order_of(*readings).notes) == ("paid", None)


def test_a_deleted_order_is_canceled_until_it_is_restored() -> None:
    gone = read(
        woocommerce,
        "order.deleted",
        body_of("woocommerce", "order_deleted"),
        received_s=at("2017-04-01T00:00:00Z") / 1e6,
    )
    assert stated(gone, "shop:order:727") == {"deleted_at": at("2017-04-01T00:00:00Z")}
    unpaid = {**body_of("woocommerce", "order_created__processing"), "date_paid_gmt": None, "date_paid": None}
    assert order_of(read(woocommerce, "order.created", unpaid), gone).payment_status == "canceled"
    restored = read(woocommerce, "order.restored", {**unpaid, "date_modified_gmt": "2017-04-02T00:00:00"})
    assert order_of(gone, restored).payment_status == "pending"


def test_a_guest_is_known_by_the_billing_address() -> None:
    party = order_of(order()).party
    assert (party.ids, party.email) == ((), "ana@example.com")
    assert order_of(order(customer_id=11)).party.ids == ("shop:customer:11",)


def test_old_bodies_without_gmt_are_taken_by_the_shop_s_clock() -> None:
    claim = stated(order(date_created_gmt=None, date_created="2026-01-01T03:00:00"), "shop:order:7")
    assert claim["ordered_at"] == at("2026-01-01T03:00:00+00:00")


@pytest.mark.parametrize(
    "value", ["pi_1_secret_x y", "seti_1", "cus_1", "2HX34567", 5, None, ["pi_1"], "pi_" + "1" * 300]
)
def test_only_stripe_s_payment_ids_link_an_order_to_stripe(value: Any) -> None:
    reading = order(transaction_id=value, meta_data=[{"key": "_intent_id", "value": value}, "broken", {"key": 5}])
    assert isinstance(reading, Reading)
    assert reading.links == ()


def test_an_action_that_carries_an_order_is_read_and_any_other_ignored() -> None:
    assert kinds(order("action.woocommerce_order_status_completed")) == [(Kind.CLAIM, "shop:order:7")]
    assert kinds(order("")) == [(Kind.CLAIM, "shop:order:7")]
    for topic, body in (
        ("action.woocommerce_add_to_cart", {"action": "woocommerce_add_to_cart", "arg": 5}),
        ("customer.created", {"id": 1, "email": "a@example.com"}),
        ("product.updated", {"id": 1, "status": "publish"}),
        ("", {"id": 1}),
    ):
        found = read(woocommerce, topic, body)
        assert isinstance(found, Ignored)
        assert found.reason.startswith(topic or "A delivery without a topic")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": None}, "id"),
        ({"currency": "BTC"}, "currency"),
        ({"total": "10.005"}, "total"),
        ({"total": None}, "total"),
        ({"total": "-1.00"}, "total"),
        ({"line_items": [line(total="free")]}, "line_items[0].total"),
        ({"refunds": [{"id": 1}]}, "refunds[0].total"),
        ({"refunds": [{"total": "-1.00"}]}, "refunds[0].id"),
        ({"date_modified_gmt": "soon"}, "date_modified_gmt"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Unmappable) as caught:
        order(**fields)
    assert caught.value.path == path


def test_an_error_that_the_shop_sends_in_place_of_an_order_is_told() -> None:
    error = {
        "code": "woocommerce_rest_cannot_view",
        "message": "Sorry, you cannot view this resource.",
        "data": {"status": 401},
    }
    with pytest.raises(Unmappable, match="you cannot view this resource") as caught:
        read(woocommerce, "order.updated", error)
    assert caught.value.path == "id"


def delivery(body: bytes, **headers: str) -> Delivery:
    return Delivery({name.replace("_", "-"): value for name, value in headers.items()}, body, 1.0)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (delivery(b"webhook_id=31"), Verdict.PING),
        (delivery(b"webhook_id=31\r\n", content_type="application/x-www-form-urlencoded"), Verdict.PING),
        (delivery(b"webhook_id=31", x_wc_webhook_topic="order.updated"), Verdict.REFUSED),
        (delivery(b"webhook_id=31&x=1"), Verdict.REFUSED),
        (delivery(b"webhook_id="), Verdict.REFUSED),
        (delivery(b"webhook_id=" + b"1" * 50), Verdict.REFUSED),
        (delivery(b"{}"), Verdict.REFUSED),
    ],
)
def test_only_the_bare_form_of_a_webhook_being_saved_is_a_ping(given: Delivery, verdict: Verdict) -> None:
    assert woocommerce.verify(given, Source("shop", (b"secret",))).verdict is verdict


def test_an_empty_secret_says_what_is_missing() -> None:
    given = delivery(
        b"{}", x_wc_webhook_signature=woocommerce.sign(b"{}", "order.updated", b"", 0, {})["X-WC-Webhook-Signature"]
    )
    found = woocommerce.verify(given, Source("shop", (b"",)))
    assert (found.verdict, found.cause) == (Verdict.REFUSED, Cause.WRONG_SIGNATURE)
    assert "holds no secret" in found.detail


def test_two_orders_of_one_second_are_two_deliveries_though_they_share_an_id() -> None:
    headers = {"x_wc_webhook_topic": "order.created", "x_wc_webhook_delivery_id": "4e085fa07698763ee63dc870aa79b7f8"}
    one, two = (woocommerce.identify(delivery(body, **headers), Source("shop")) for body in (b'{"id":1}', b'{"id":2}'))
    assert one.delivery_id == two.delivery_id
    assert one.dedupe != two.dedupe
    assert (one.sound, one.lane, one.livemode) == (False, Lane.ORDERS, True)
    elsewhere = {**headers, "x_wc_webhook_delivery_id": "another"}
    assert woocommerce.identify(delivery(b'{"id":1}', **elsewhere), Source("shop")).dedupe == one.dedupe
