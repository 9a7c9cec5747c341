"""Shopify's bodies, with figures worked out by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.errors import Unmappable
from handlers.providers import shopify
from schemas.fact import Ignored, Kind, Reading
from schemas.provider import Delivery, Identity, Lane, Source, Verdict
from tests.unit.providers.events import NOW, body_of, kinds, order_of, read, stated

ORDER = "shop:order:450789469"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def payload(name: str, topic: str = "orders/updated") -> Reading | Ignored:
    return read(shopify, topic, body_of("shopify", name))


def line(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "name": "Thing", "quantity": 1, "price": "10.00", "requires_shipping": True, **fields}


def order(**fields: Any) -> Reading | Ignored:
    """A small order, with some fields as given."""
    return read(
        shopify,
        "orders/updated",
        {
            "id": 7, "name": "#7", "currency": "USD", "total_price": "10.00", "financial_status": "pending",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "line_items": [line()], **fields,
        },
    )  # fmt: skip


def both(shop: str, theirs: str) -> dict[str, Any]:
    return {
        "shop_money": {"amount": shop, "currency_code": "EUR"},
        "presentment_money": {"amount": theirs, "currency_code": "USD"},
    }


def identity(body: bytes = b"{}", **headers: str) -> Identity:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return shopify.identify(Delivery(sent, body, NOW / 1e6), Source("shop"))


def charges(reading: Reading | Ignored) -> list[tuple[str, int]]:
    return [(charge["kind"], charge["amount"]) for charge in stated(reading, "shop:order:7")["charges"]]


def test_taxes_of_each_line_come_from_its_tax_lines_and_all_adds_up() -> None:
    claim = stated(payload("orders_create__three_lines"), "shop:order:1073459963")
    figures = [(one["subtotal"], one["discount"], one["tax"], one["total"], one["tax_rate"]) for one in claim["lines"]]
    assert figures == [(12999, 0, 1107, 14106, "8.5"), (8595, 0, 0, 8595, None), (3998, 0, 338, 4336, "8.5")]
    assert (claim["total"], claim["charges"], claim["stated_paid"]) == (27037, (), 27037)
    assert claim["title"] == "Shopify #1002"
    assert claim["party"] == {}


def test_a_discount_over_the_order_lies_in_the_lines_and_a_refund_is_counted_once() -> None:
    reading = payload("orders_updated__partially_refunded")
    claim = stated(reading, ORDER)
    assert [(one["discount"], one["total"]) for one in claim["lines"]] == [(334, 19964), (333, 19965), (333, 19965)]
    assert (claim["total"], claim["stated_paid"], claim["stated_returned"]) == (59894, 59894, 0)
    assert claim["party"]["ids"] == ("shop:customer:207119551",)
    refund = stated(reading, "shop:transaction:179259969")
    assert (refund["amount"], refund["charge"]) == (20900, "shop:transaction:801038806")
    assert refund["reason"] == "it broke during shipping"
    found = order_of(reading, payload("refunds_create__1", "refunds/create"), reading)
    assert (found.amount, found.amount_paid, found.amount_refunded) == (59894, 59894, 20900)
    assert found.payment_status == "paid"


def test_a_second_refund_on_its_own_adds_to_the_first() -> None:
    found = order_of(payload("orders_updated__partially_refunded"), payload("refunds_create__2", "refunds/create"))
    assert found.amount_refunded == 20900 + 4194


def test_a_canceled_order_keeps_the_money_that_came_in() -> None:
    found = order_of(payload("orders_cancelled__partially_refunded", "orders/cancelled"))
    assert (found.payment_status, found.amount_refunded) == ("paid", 20900)


def test_the_admin_s_test_notification_is_a_canceled_test_order() -> None:
    reading = payload("orders_cancelled__test_notification_order_body", "orders/cancelled")
    found = order_of(reading)
    assert (found.external_id, found.external_number) == ("820982911946154508", "#9999")
    assert (found.amount, found.shipping_amount, found.payment_status) == (40300, 1000, "canceled")
    assert found.livemode is False
    assert found.party.email == "john@test.com"
    assert found.party.ids == ("shop:customer:115310627314723954",)
    assert found.billing_address is not None
    assert (found.billing_address.city, found.billing_address.country) == ("Billtown", "US")


def test_yen_have_no_decimals() -> None:
    found = order_of(payload("orders_create__jpy_0"))
    assert (found.currency, found.amount, found.amount_paid) == ("JPY", 23600, 23600)
    assert [line.total for line in found.lines] == [5900] * 4


def test_an_order_that_is_partly_paid_says_how_much_is_open() -> None:
    found = order_of(payload("orders_create__partially_paid"))
    assert (found.payment_status, found.amount_paid, found.summary.remaining) == ("partially_paid", 5000, 14900)


def test_a_shipped_order_has_the_latest_parcel_s_tracking_address() -> None:
    found = order_of(payload("orders_updated__pln_0"))
    assert (found.amount, found.summary.taxes_total, found.currency) == (214758, 5658 + 34500, "PLN")
    assert (found.shipping_status, found.tracking_url) == ("shipped", "https://tracking.agsystems.com/")
    assert found.notes == "Just note from customer"


def test_captures_that_leave_money_authorized_add_up_and_the_void_ends_the_rest() -> None:
    names = [f"order_transactions_create__{number}" for number in (1, 2, 4)]
    captures = [payload(f"{name}_capture_success", "order_transactions/create") for name in names]
    void = payload("order_transactions_create__5_void_success", "order_transactions/create")
    snapshot = payload("orders_updated__partially_refunded")
    found = order_of(*captures, void, snapshot)
    by_status = sorted((row.status, row.counted) for row in found.payments)
    assert by_status == [("canceled", 0)] + [("succeeded", 1000)] * 3 + [("succeeded", 56894)]
    assert found.amount_paid == 59894


def test_any_order_of_arrival_ends_in_the_same_order() -> None:
    readings = [
        payload("orders_updated__partially_refunded"),
        payload("orders_cancelled__partially_refunded", "orders/cancelled"),
        payload("refunds_create__2", "refunds/create"),
        payload("order_transactions_create__1_capture_success", "order_transactions/create"),
    ]
    found = {repr(order_of(*some, some[0])) for some in itertools.permutations(readings)}
    assert len(found) == 1


def transaction(**fields: Any) -> Reading | Ignored:
    body = {
        "id": 11, "order_id": 7, "kind": "sale", "status": "success", "amount": "10.00", "currency": "USD", "gateway": "bogus",
        "processed_at": "2026-01-01T00:00:00Z", **fields,
    }  # fmt: skip
    return read(shopify, "order_transactions/create", body)


def test_a_sale_is_a_payment_of_the_order() -> None:
    reading = transaction()
    assert isinstance(reading, Reading)
    assert reading.keys == ("shop:order:7", "shop:transaction:11")
    payment = stated(reading, "shop:transaction:11")
    assert (payment["status"], payment["received"], payment["system"]) == ("succeeded", 1000, "bogus")
    found = order_of(order(financial_status="paid"), reading)
    assert [(row.key, row.counted) for row in found.payments] == [("shop:transaction:11", 1000)]


def test_the_capture_that_settles_an_authorization_is_the_same_payment() -> None:
    authorized = transaction(kind="authorization")
    captured = transaction(kind="capture", id=12, parent_id=11, processed_at="2026-01-01T01:00:00Z")
    assert kinds(captured) == [(Kind.PAYMENT, "shop:transaction:11"), (Kind.CHARGE, "shop:transaction:12")]
    before = order_of(order(financial_status="authorized"), authorized)
    assert (before.payment_status, before.payments[0].status) == ("pending", "processing")
    after = order_of(order(financial_status="paid"), authorized, captured)
    assert [(row.key, row.status, row.counted) for row in after.payments] == [
        ("shop:transaction:11", "succeeded", 1000)
    ]
    back = transaction(kind="refund", id=13, parent_id=12, amount="4.00")
    refunded = order_of(order(financial_status="partially_refunded"), authorized, captured, back)
    assert [(row.payment, row.counted) for row in refunded.refunds] == [("shop:transaction:11", 400)]
    assert refunded.payments[0].refunded == 400


def test_a_capture_that_failed_leaves_the_authorization_as_it_was() -> None:
    failed = transaction(
        kind="capture", id=12, parent_id=11, status="failure", error_code="card_declined", message="No"
    )
    found = order_of(order(financial_status="authorized"), transaction(kind="authorization"), failed)
    assert [(row.key, row.status) for row in found.payments] == [
        ("shop:transaction:11", "processing"),
        ("shop:transaction:12", "failed"),
    ]
    assert found.payments[1].failure_reason == "declined by the bank"


def test_a_void_releases_the_authorization() -> None:
    void = transaction(kind="void", id=12, parent_id=11, amount="0.00")
    found = order_of(order(financial_status="voided"), transaction(kind="authorization"), void)
    assert (found.payments[0].status, found.payment_status) == ("canceled", "canceled")


@pytest.mark.parametrize("kind", ["change", "suggested_refund", "void"])
def test_transactions_that_move_no_money_in_are_ignored_with_the_reason(kind: str) -> None:
    found = transaction(kind=kind, status="failure")
    assert isinstance(found, Ignored)
    assert kind in found.reason


def test_a_payment_in_the_customer_s_currency_counts_as_the_order_states_it() -> None:
    paid = transaction(
        currency="USD",
        amount="22.00",
        total_unsettled_set={
            "shop_money": {"amount": "0.0", "currency": "EUR"},
            "presentment_money": {"amount": "0.0", "currency": "USD"},
        },
    )
    back = {"id": 30, "note": "too small", "transactions": [
        {"id": 31, "kind": "refund", "status": "success", "amount": "11.00", "currency": "USD", "parent_id": 11,
         "processed_at": "2026-01-03T00:00:00Z"},
    ]}  # fmt: skip
    snapshot = order(
        currency="EUR", presentment_currency="USD", total_price="20.00", total_price_set=both("20.00", "22.00"),
        line_items=[line(price="20.00", price_set=both("20.00", "22.00"))], financial_status="partially_refunded", refunds=[back],
    )  # fmt: skip
    alone = read(shopify, "refunds/create", {**back, "order_id": 7})
    for readings in itertools.permutations((paid, snapshot, alone)):
        found = order_of(*readings)
        assert (found.currency, found.amount, found.amount_paid, found.amount_refunded) == ("EUR", 2000, 2000, 1000)
        assert [row.key for row in found.payments] == ["shop:transaction:11"]


def test_prices_that_include_tax_are_taken_apart_and_keep_the_shop_s_totals() -> None:
    reading = order(
        taxes_included=True,
        total_price="113.05",
        total_tax="18.05",
        line_items=[
            line(
                price="119.00",
                tax_lines=[{"price": "17.10", "rate": 0.19}],
                discount_allocations=[{"amount": "11.90"}],
            )
        ],
        shipping_lines=[{"id": 5, "title": "DHL", "price": "5.95", "tax_lines": [{"price": "0.95", "rate": 0.19}]}],
    )
    [found] = stated(reading, "shop:order:7")["lines"]
    assert (found["subtotal"], found["discount"], found["tax"], found["total"]) == (10190, 1190, 1710, 10710)
    assert (found["tax_rate"], found["delivery_method"]) == ("19", "DHL")
    assert charges(reading) == [("shipping", 500), ("tax", 95)]
    assert order_of(reading).summary.order_total == 11305


def test_a_discount_on_shipping_lowers_the_shipping() -> None:
    shipping = {
        "id": 5,
        "title": "Post",
        "price": "8.00",
        "discounted_price": "8.00",
        "discount_allocations": [{"amount": "3.00"}],
    }
    assert charges(order(total_price="15.00", shipping_lines=[shipping])) == [("shipping", 500)]
    listed = {"id": 5, "title": "Post", "price": "8.00", "discounted_price": "5.00"}
    assert charges(order(total_price="15.00", shipping_lines=[listed])) == [("shipping", 500)]
    removed = {**listed, "is_removed": True}
    assert charges(order(shipping_lines=[removed])) == []


def test_tips_duties_fees_and_cash_rounding_count_where_the_total_counts_them() -> None:
    extras = {
        "total_tip_received": "1.00",
        "original_total_duties_set": {"shop_money": {"amount": "2.00", "currency_code": "USD"}},
        "original_total_additional_fees_set": {"shop_money": {"amount": "0.50", "currency_code": "USD"}},
        "total_cash_rounding_payment_adjustment_set": {"shop_money": {"amount": "-0.02", "currency_code": "USD"}},
    }
    every = [("additional_cost", 100), ("additional_cost", 200), ("additional_cost", 50)]
    assert charges(order(total_price="13.48", **extras)) == [*every, ("price_adjustment", -2)]
    assert charges(order(total_price="13.50", **extras)) == every
    # a tip is a line of its own in newer orders, and the sum of the tips states it again
    assert charges(order(total_price="12.00", **extras)) == [("additional_cost", 200)]


def test_a_tax_that_only_the_order_states_is_a_charge() -> None:
    assert charges(order(total_price="11.00", total_tax="1.00")) == [("tax", 100)]


def test_the_old_shape_without_sets_is_read_and_the_difference_shown() -> None:
    reading = order(
        total_price="4.09", total_tax="0.00", line_items=[line(price="5.00")], financial_status="authorized"
    )
    found = order_of(reading)
    assert (found.amount, found.payment_status) == (409, "pending")
    assert [(charge.kind, charge.amount) for charge in found.charges] == [("price_adjustment", -91)]


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        ("pending", {}, ("pending", 0, 0)),
        ("authorized", {}, ("pending", 0, 0)),
        ("paid", {"total_outstanding": "10.00"}, ("paid", 1000, 0)),
        ("partially_paid", {"total_outstanding": "7.50"}, ("partially_paid", 250, 0)),
        ("partially_refunded", {"total_outstanding": "0.00"}, ("paid", 1000, 0)),
        ("refunded", {}, ("refunded", 1000, 1000)),
        ("voided", {}, ("canceled", 0, 0)),
        ("expired", {}, ("canceled", 0, 0)),
        ("pending", {"cancelled_at": "2026-01-02T00:00:00Z"}, ("canceled", 0, 0)),
        ("refunded", {"cancelled_at": "2026-01-02T00:00:00Z"}, ("refunded", 1000, 1000)),
        ("pending", {"payment_terms": {"payment_schedules": [{"due_at": "2026-02-01T00:00:00Z"}]}}, ("overdue", 0, 0)),
        ("a status of next year", {}, ("pending", 0, 0)),
        (None, {}, ("pending", 0, 0)),
    ],
)
def test_financial_status_becomes_payment_status(
    status: str | None, fields: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    found = order_of(order(financial_status=status, **fields))
    assert (found.payment_status, found.amount_paid, found.amount_refunded) == expected


def test_partly_paid_without_a_sum_is_a_note() -> None:
    claim = stated(order(financial_status="partially_paid"), "shop:order:7")
    assert (claim["stated_paid"], claim["note"]) == (0, "partially_paid")


@pytest.mark.parametrize(
    ("status", "parcels", "expected"),
    [
        (None, [], "unshipped"),
        ("partial", [], "partially_shipped"),
        ("fulfilled", [], "shipped"),
        ("restocked", [], "returned"),
        ("fulfilled", [{"id": 1, "status": "success", "shipment_status": "delivered"}], "delivered"),
        ("fulfilled", [{"id": 1, "status": "success", "shipment_status": "in_transit"}], "shipped"),
    ],
)
def test_fulfillment_status_becomes_shipping_status(
    status: str | None, parcels: list[dict[str, Any]], expected: str
) -> None:
    assert order_of(order(fulfillment_status=status, fulfillments=parcels)).shipping_status == expected


def test_what_was_taken_off_an_order_before_payment_is_not_owed() -> None:
    removal = {"id": 3, "refund_line_items": [{"id": 4, "quantity": 1}], "transactions": []}
    fields = {
        "total_price": "20.00", "current_total_price": "10.00", "total_outstanding": "10.00", "refunds": [removal],
        "line_items": [line(), line(id=2, current_quantity=0)],
    }  # fmt: skip
    unpaid = order(**fields)
    assert charges(unpaid) == [("price_adjustment", -1000)]
    assert order_of(unpaid).amount == 1000
    paid = order_of(order(**{**fields, "financial_status": "paid", "total_outstanding": "0.00"}))
    assert (paid.amount, paid.amount_paid, paid.payment_status) == (1000, 1000, "paid")


def test_an_older_snapshot_never_overwrites_a_newer_one() -> None:
    newer = order(note="new", updated_at="2026-01-03T00:00:00Z", financial_status="paid")
    older = order(note="old", updated_at="2026-01-02T00:00:00Z", tags="x")
    for found in (order_of(newer, older), order_of(older, newer)):
        assert (found.notes, found.payment_status) == ("new", "paid")
    same_second = order(financial_status="paid", note=None), order(note="old")
    for found in (order_of(*same_second), order_of(*reversed(same_second))):
        assert (found.notes, found.payment_status) == (None, "paid")


def test_parcels_of_their_own_say_where_they_are() -> None:
    parcel = read(shopify, "fulfillments/create", {
        "id": 9, "order_id": 7, "status": "success", "tracking_urls": ["https://track.example/9"],
        "line_items": [{"id": 1, "quantity": 1}], "updated_at": "2026-01-02T00:00:00Z",
    })  # fmt: skip
    found = order_of(order(), parcel)
    assert (found.shipping_status, found.tracking_url) == ("shipped", "https://track.example/9")
    hostile = {"id": 9, "order_id": 7, "tracking_url": "javascript:alert(1)"}
    assert stated(read(shopify, "fulfillments/create", hostile), "shop:fulfillment:9")["tracking_url"] is None


def test_a_lost_dispute_takes_the_money_back_and_an_inquiry_does_not() -> None:
    body = {
        "id": 5, "order_id": 7, "type": "chargeback", "amount": "10.00", "currency": "USD", "reason": "fraudulent",
        "status": "needs_response", "evidence_due_by": "2026-02-01T00:00:00Z", "initiated_at": "2026-01-10T00:00:00Z",
    }  # fmt: skip
    opened = read(shopify, "disputes/create", body)
    assert stated(opened, "shop:dispute:5")["evidence_due_at"] == at("2026-02-01T00:00:00Z")
    lost = read(shopify, "disputes/update", {**body, "status": "accepted", "finalized_on": "2026-01-20"})
    for some in itertools.permutations((order(financial_status="paid"), opened, lost)):
        assert order_of(*some).payment_status == "refunded"
    inquiry = read(shopify, "disputes/create", {**body, "type": "inquiry"})
    assert stated(inquiry, "shop:dispute:5")["status"] == "warning_needs_response"
    assert order_of(order(financial_status="paid"), inquiry).payment_status == "paid"


def test_a_deleted_order_is_canceled_until_it_is_seen_again() -> None:
    gone = read(shopify, "orders/delete", {"id": 7}, received_s=at("2026-01-05T00:00:00Z") / 1e6)
    assert stated(gone, "shop:order:7") == {"deleted_at": at("2026-01-05T00:00:00Z")}
    assert order_of(order(), gone).payment_status == "canceled"
    assert order_of(gone, order(updated_at="2026-01-06T00:00:00Z")).payment_status == "pending"


@pytest.mark.parametrize(
    "topic",
    ["orders/edited", "draft_orders/create", "checkouts/update", "carts/create", "customers/redact", "products/update",
     "app/uninstalled", "shop/redact", "inventory_levels/update"],
)  # fmt: skip
def test_topics_that_change_no_order_are_ignored_with_a_reason(topic: str) -> None:
    found = read(shopify, topic, {"id": 1})
    assert isinstance(found, Ignored)
    assert found.reason.startswith(f"{topic}: ")


def test_a_refund_of_goods_without_money_is_ignored() -> None:
    found = read(
        shopify, "refunds/create", {"id": 1, "order_id": 7, "refund_line_items": [{"id": 2}], "transactions": []}
    )
    assert isinstance(found, Ignored)


def test_without_a_topic_only_what_looks_like_an_order_is_read_as_one() -> None:
    assert isinstance(read(shopify, "", body_of("shopify", "orders_create__minimal")), Reading)
    assert isinstance(read(shopify, "", {"id": 1}), Ignored)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": None}, "id"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": None}, "currency"),
        ({"total_price": "10.001"}, "total_price"),
        ({"total_price": None}, "total_price"),
        ({"total_price": "-1.00"}, "total_price"),
        ({"total_price": "1e400"}, "total_price"),
        ({"line_items": {}}, "line_items"),
        ({"line_items": [line(price="ten")]}, "line_items[0].price"),
        ({"line_items": [line(quantity=-1)]}, "line_items[0].quantity"),
        ({"line_items": [line(price_set={"shop_money": {"amount": "1", "currency_code": "EUR"}})]}, "line_items[0].price_set.shop_money"),
        ({"updated_at": "yesterday"}, "updated_at"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Unmappable) as caught:
        order(**fields)
    assert caught.value.path == path


def test_a_body_of_another_kind_under_an_order_topic_lacks_its_id() -> None:
    with pytest.raises(Unmappable) as caught:
        read(shopify, "orders/create", {"foo": "bar"})
    assert caught.value.path == "id"


def test_the_webhook_id_with_the_body_makes_a_delivery() -> None:
    first = identity(x_shopify_topic="orders/create", x_shopify_webhook_id="w-1", x_shopify_event_id="e-1")
    assert (first.delivery_id, first.sound, first.topic, first.lane) == ("w-1", True, "orders/create", Lane.ORDERS)
    newer = identity(shopify_topic="orders/create", shopify_webhook_id="w-1", shopify_event_id="e-2")
    assert newer.dedupe == first.dedupe
    bare = identity(x_shopify_topic="orders/create")
    assert (bare.delivery_id, bare.sound) == ("", False)
    assert bare.dedupe != identity(x_shopify_topic="orders/paid").dedupe


def test_money_goes_first() -> None:
    assert identity(x_shopify_topic="refunds/create").lane is Lane.PAYMENTS
    assert identity(x_shopify_topic="order_transactions/create").lane is Lane.PAYMENTS
    assert identity(x_shopify_topic="fulfillments/create").lane is Lane.ORDERS


def test_test_traffic_is_marked_by_the_body_or_the_button() -> None:
    assert identity(b'{"test":true}').livemode is False
    assert identity(b'{"test":"true"}').livemode is True
    assert identity(x_shopify_test="true").livemode is False
    assert identity(x_shopify_triggered_at="2025-10-09T08:53:19.512345678Z").occurred_at == datetime(
        2025, 10, 9, 8, 53, 19, 512345, UTC
    )


def test_the_headers_without_x_go_first() -> None:
    body = b'{"foo": "bar"}'
    right = shopify.sign(body, "orders/create", b"s", 0, {})["X-Shopify-Hmac-SHA256"]
    both_kinds = {"shopify-hmac-sha256": right, "x-shopify-hmac-sha256": "AAAA"}
    assert shopify.verify(Delivery(both_kinds, body, 0), Source("shop", (b"s",))).verdict is Verdict.VERIFIED


def test_the_same_file_is_the_same_delivery_and_another_topic_another() -> None:
    one, again = (shopify.sign(b"{}", "orders/create", b"s", now, {}) for now in (0, 60))
    assert one["X-Shopify-Webhook-Id"] == again["X-Shopify-Webhook-Id"]
    assert one["X-Shopify-Webhook-Id"] != shopify.sign(b"{}", "orders/paid", b"s", 0, {})["X-Shopify-Webhook-Id"]
