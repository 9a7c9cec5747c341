"""Recorded payloads of Stripe, Shopify and WooCommerce, through the real door, to orders worked out by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.server import Server
from tests.world import PAYLOADS, World, edited, payload
from worker.cli.send import topic_of
from worker.providers import adapters

FILES = {
    provider: sorted(path.name for path in (PAYLOADS / provider).glob("*.json"))
    for provider in ("stripe", "shopify", "woocommerce")
}


def topic(provider: str, name: str) -> str:
    return topic_of(name, adapters()[provider].TOPICS, payload(provider, name))


async def deliver(shop: World, provider: str, name: str, **changes: Any) -> str:
    body = payload(provider, name)
    return await shop.deliver(provider, edited(body, **changes) if changes else body, topic(provider, name))


async def test_every_recorded_webhook_ends_applied_ignored_or_waiting_and_none_dead(server: Server) -> None:
    sent = {}
    for provider, names in FILES.items():
        for name in names:
            status, answer = await server.send(provider, payload(provider, name), topic(provider, name))
            assert status == 200, (name, answer)
            sent[answer["event"]] = name
    await server.shop.apply(list(sent))
    states = await server.shop.states()
    found = {sent[event]: (state, reason) for event, (state, reason) in states.items()}
    assert {name: told for name, told in found.items() if told[0] not in ("applied", "ignored", "waiting")} == {}
    assert all(reason for state, reason in found.values() if state != "applied")
    assert len(found) == len(sent)


async def test_the_same_files_twice_and_in_any_order_leave_the_same_orders_payments_and_contacts(shop: World) -> None:
    deliveries = [(provider, name) for provider, names in FILES.items() for name in names]
    books = []
    for seed in range(4):
        arrival = list(deliveries)
        if seed == 1:
            arrival = [*deliveries, *deliveries]
        elif seed == 2:
            arrival.reverse()
        elif seed:
            random.Random(seed).shuffle(arrival)
        stored = await shop.store(
            [shop.event(provider, payload(provider, name), topic(provider, name)) for provider, name in arrival]
        )
        ids = list(dict.fromkeys(event.id for event in stored))
        size = (len(ids), 7, 1, 3)[seed]
        for start in range(0, len(ids), size):
            await shop.apply(ids[start : start + size])
        books.append(await shop.books())
        await shop.ctx.pool.execute(
            "TRUNCATE events, event_states, dossiers, links, refs, contacts, contact_keys, orders, payments, timeline, order_merges, counters CASCADE"
        )
    for told in books[1:]:
        assert told == books[0]
    assert len(books[0]["orders"]) > 20


# provider, file, external id, currency, amount, payment status, paid, refunded, contact's e-mail, payments
# (status, amount) in order of attempt. Worked out from the payloads by hand.
EXPECTED: list[tuple[str, str, str, str, int, str, int, int, str | None, list[tuple[str, int]]]] = [
    (
        "stripe",
        "checkout_session_completed__2020-03-02.json",
        "cs_test_a1zDc6832lrf6EdPjW6D0XB103xyLa7yBxqUYi87tdcCvUCjupD7ZO9prV",
        "USD",
        100,
        "paid",
        100,
        0,
        "person1@example.com",
        [("succeeded", 100)],
    ),
    (
        "stripe",
        "checkout_session_completed__2020-08-27.json",
        "cs_test_0000000000000000000000000000000000000000000000000000000000",
        "USD",
        3000,
        "paid",
        3000,
        0,
        "stripe@example.com",
        [("succeeded", 3000)],
    ),
    (
        "stripe",
        "checkout_session_completed__sync-engine.json",
        "cs_live_9RBjcHiy2i5p99Tf1MYM90c3SHK1grU0E6Ae6pKWR2KPA4ZiuKiB2X1Y3X",
        "EUR",
        999,
        "paid",
        999,
        0,
        "person1@example.com",
        [("succeeded", 999)],
    ),
    (
        "stripe",
        "invoice_finalized__2020-08-27.json",
        "in_000000000000000000000000",
        "USD",
        2000,
        "paid",
        2000,
        0,
        None,
        [("succeeded", 2000)],
    ),
    (
        "stripe",
        "invoice_paid__2020-08-27.json",
        "in_000000000000000000000000",
        "USD",
        2000,
        "paid",
        2000,
        0,
        None,
        [("succeeded", 2000)],
    ),
    (
        "stripe",
        "invoice_paid__send_invoice_2020-03-02.json",
        "in_1Q2fh8BrSjgsps2DUqQsGLDj",
        "USD",
        10800,
        "paid",
        10800,
        0,
        "person1@example.com",
        [("succeeded", 10800)],
    ),
    ("stripe", "invoice_paid__sync-engine.json", "in_1KJqKBJDPojXS6LNJbvLUgEy", "USD", 0, "paid", 0, 0, None, []),
    ("stripe", "invoice_voided__sync-engine.json", "in_1KJqKBJDPojXS6LNJbvLUgEy", "USD", 0, "canceled", 0, 0, None, []),
    (
        "stripe",
        "invoice_payment_action_required__2020-08-27.json",
        "in_000000000000000000000000",
        "USD",
        2000,
        "pending",
        0,
        0,
        None,
        [("requires_action", 2000)],
    ),
    (
        "stripe",
        "invoice_payment_failed__2020-08-27.json",
        "in_000000000000000000000000",
        "USD",
        2000,
        "failed",
        0,
        0,
        None,
        [("failed", 2000)],
    ),
    (
        "stripe",
        "derived_invoice_paid__2025-09-30.clover.json",
        "in_000000000000000000000000",
        "USD",
        2000,
        "paid",
        2000,
        0,
        None,
        [("succeeded", 2000)],
    ),
    (
        "shopify",
        "orders_cancelled__partially_refunded.json",
        "450789469",
        "USD",
        59894,
        "paid",
        59894,
        20900,
        "bob.norman@mail.example.com",
        [("succeeded", 59894)],
    ),
    (
        "shopify",
        "orders_cancelled__test_notification_order_body.json",
        "820982911946154508",
        "USD",
        40300,
        "canceled",
        0,
        0,
        "john@test.com",
        [],
    ),
    (
        "shopify",
        "orders_create__eur_no_customer.json",
        "1073459976",
        "EUR",
        23847,
        "paid",
        23847,
        0,
        None,
        [("succeeded", 23847)],
    ),
    (
        "shopify",
        "orders_create__jpy_0.json",
        "4216043012249-fake",
        "JPY",
        23600,
        "paid",
        23600,
        0,
        None,
        [("succeeded", 23600)],
    ),
    (
        "shopify",
        "orders_create__minimal.json",
        "1073459966",
        "USD",
        19900,
        "paid",
        19900,
        0,
        None,
        [("succeeded", 19900)],
    ),
    (
        "shopify",
        "orders_create__partially_paid.json",
        "1073459980",
        "USD",
        19900,
        "partially_paid",
        5000,
        0,
        "paul.norman@example.com",
        [("succeeded", 5000)],
    ),
    (
        "shopify",
        "orders_create__three_lines.json",
        "1073459963",
        "USD",
        27037,
        "paid",
        27037,
        0,
        None,
        [("succeeded", 27037)],
    ),
    (
        "shopify",
        "orders_fulfilled__paid.json",
        "1073459972",
        "USD",
        19900,
        "paid",
        19900,
        0,
        "foo@example.com",
        [("succeeded", 19900)],
    ),
    (
        "shopify",
        "orders_updated__pln_0.json",
        "100500",
        "PLN",
        214758,
        "paid",
        214758,
        0,
        "person1@example.com",
        [("succeeded", 214758)],
    ),
    (
        "woocommerce",
        "order_created__processing.json",
        "727",
        "USD",
        2935,
        "paid",
        2935,
        0,
        "john.doe@example.com",
        [("succeeded", 2935)],
    ),
    (
        "woocommerce",
        "order_updated__completed.json",
        "727",
        "USD",
        2935,
        "paid",
        2935,
        0,
        "john.doe@example.com",
        [("succeeded", 2935)],
    ),
    (
        "woocommerce",
        "order_updated__fully_refunded.json",
        "609",
        "USD",
        22371,
        "refunded",
        22371,
        22371,
        "person1@example.com",
        [("succeeded", 22371)],
    ),
    (
        "woocommerce",
        "order_updated__wcpay_charge.json",
        "211",
        "USD",
        3330,
        "paid",
        3330,
        0,
        "2177025@example.net",
        [("succeeded", 3330)],
    ),
    (
        "woocommerce",
        "order_created__composite.json",
        "421",
        "USD",
        230000,
        "paid",
        230000,
        0,
        None,
        [("succeeded", 230000)],
    ),
    (
        "woocommerce",
        "order_created__line_attributes.json",
        "3207",
        "USD",
        15342,
        "paid",
        15342,
        0,
        None,
        [("succeeded", 15342)],
    ),
    ("woocommerce", "order_created__faulty_attributes.json", "656", "USD", 37823, "pending", 0, 0, None, []),
]


@pytest.mark.parametrize(
    ("provider", "name", "external_id", "currency", "amount", "status", "paid", "refunded", "email", "payments"),
    EXPECTED,
    ids=lambda value: value if isinstance(value, str) and value.endswith(".json") else "",
)
async def test_a_recorded_payload_gives_the_order_worked_out_by_hand(
    shop: World,
    provider: str,
    name: str,
    external_id: str,
    currency: str,
    amount: int,
    status: str,
    paid: int,
    refunded: int,
    email: str | None,
    payments: list[tuple[str, int]],
) -> None:
    await deliver(shop, provider, name)
    order = await shop.order(external_id)
    assert (order["currency"], order["amount"], order["payment_status"]) == (currency, amount, status)
    assert (order["amount_paid"], order["amount_refunded"]) == (paid, refunded)
    assert order["status"] == "new", "facts never move the flow"
    [contact] = await shop.rows("SELECT email, anonymous FROM contacts")
    assert contact["email"] == email
    rows = await shop.rows("SELECT status, amount FROM payments ORDER BY attempted_at, key")
    assert [(row["status"], row["amount"]) for row in rows] == payments
    parts = await shop.rows(
        "SELECT (SELECT coalesce(sum(total), 0) FROM order_items) + (SELECT coalesce(sum(amount), 0) FROM order_charges) AS sum"
    )
    assert parts[0]["sum"] == amount


async def test_lines_and_taxes_of_a_shop_order_are_kept_as_sold(shop: World) -> None:
    await deliver(shop, "shopify", "orders_updated__partially_refunded.json")
    lines = await shop.rows(
        "SELECT sku, quantity, unit_price, discount, subtotal, tax, total FROM order_items ORDER BY position"
    )
    assert [tuple(line.values()) for line in lines] == [
        ("IPOD2008GREEN", 1, 19900, 334, 19900, 398, 19964),
        ("IPOD2008RED", 1, 19900, 333, 19900, 398, 19965),
        ("IPOD2008BLACK", 1, 19900, 333, 19900, 398, 19965),
    ]
    assert await shop.rows("SELECT id FROM order_charges") == []


async def test_tax_included_prices_keep_the_senders_total_and_tax_and_derive_the_net(shop: World) -> None:
    # 3 x 74.99 with 13.50 tax inside: the shop's total is 224.97, of which 211.47 is net.
    await deliver(
        shop,
        "shopify",
        "orders_create__eur_no_customer.json",
        taxes_included=True,
        total_price="224.97",
        total_price_set=None,
        current_total_price="224.97",
    )
    order = await shop.order("1073459976")
    [line] = await shop.rows("SELECT subtotal, tax, total FROM order_items")
    assert (order["amount"], line["subtotal"], line["tax"], line["total"]) == (22497, 21147, 1350, 22497)
    assert await shop.rows("SELECT id FROM order_charges") == []


async def test_an_older_snapshot_never_overwrites_a_newer_one(shop: World) -> None:
    newer = {"updated_at": "2025-04-02T12:00:00-05:00", "financial_status": "paid", "note": "newer"}
    older = {"updated_at": "2025-04-02T11:00:00-05:00", "financial_status": "pending", "note": "older"}
    for first, second in ((newer, older), (older, newer)):
        await deliver(shop, "shopify", "orders_create__minimal.json", **first)
        await deliver(shop, "shopify", "orders_create__minimal.json", **second)
        order = await shop.order("1073459966")
        assert (order["notes"], order["payment_status"]) == ("newer", "paid")
        await shop.ctx.pool.execute(
            "TRUNCATE events, event_states, dossiers, links, contacts, contact_keys, orders, payments, timeline, counters CASCADE"
        )


async def test_P5_refunds_of_a_shop_order_add_up_whether_they_come_alone_or_in_the_order(shop: World) -> None:
    await deliver(shop, "shopify", "refunds_create__1.json")
    await deliver(shop, "shopify", "refunds_create__2.json")
    assert {state for state, _ in (await shop.states()).values()} == {"waiting"}
    await deliver(shop, "shopify", "orders_updated__partially_refunded.json")
    order = await shop.order("450789469")
    assert (order["payment_status"], order["amount_paid"], order["amount_refunded"]) == ("paid", 59894, 20900 + 4194)
    assert {state for state, _ in (await shop.states()).values()} == {"applied"}


async def test_failed_then_paid_is_paid_in_either_order(shop: World) -> None:
    for names in (
        ("invoice_payment_failed__2020-08-27.json", "invoice_paid__2020-08-27.json"),
        ("invoice_paid__2020-08-27.json", "invoice_payment_failed__2020-08-27.json"),
    ):
        for name in names:
            await deliver(
                shop,
                "stripe",
                name,
                data__object__id="in_1",
                data__object__payment_intent="pi_1",
                data__object__charge="ch_1",
            )
        order = await shop.order("in_1")
        assert (order["payment_status"], order["amount_paid"]) == ("paid", 2000)
        assert [(row["key"], row["status"]) for row in await shop.rows("SELECT key, status FROM payments")] == [
            ("stripe:pi_1", "succeeded")
        ]
        await shop.ctx.pool.execute(
            "TRUNCATE events, event_states, dossiers, links, refs, contacts, contact_keys, orders, payments, timeline, counters CASCADE"
        )


async def test_a_dispute_changes_nothing_until_it_is_lost_and_then_returns_the_money(shop: World) -> None:
    linked = {"data__object__payment_intent": "pi_000000000000000000000000"}
    await deliver(shop, "stripe", "checkout_session_completed__2020-08-27.json")
    await deliver(
        shop,
        "stripe",
        "charge_dispute_created__sync-engine.json",
        **linked,
        data__object__status="needs_response",
        data__object__amount=3000,
    )
    external_id = "cs_test_0000000000000000000000000000000000000000000000000000000000"
    order = await shop.order(external_id)
    assert (order["payment_status"], order["disputes"][0]["status"], order["disputes"][0]["amount"]) == (
        "paid",
        "needs_response",
        3000,
    )
    await deliver(
        shop,
        "stripe",
        "charge_dispute_updated__sync-engine.json",
        **linked,
        type="charge.dispute.closed",
        data__object__status="lost",
        data__object__amount=3000,
    )
    order = await shop.order(external_id)
    assert (order["payment_status"], order["amount_refunded"]) == ("refunded", 3000)


@pytest.mark.parametrize(
    ("currency", "stripe_amount", "minor"),
    [("jpy", 12800, 12800), ("kwd", 5120, 5120), ("isk", 50000, 500), ("ugx", 50000, 500), ("mga", 50, 5000)],
)
async def test_stripes_units_become_the_currencys_own(
    shop: World, currency: str, stripe_amount: int, minor: int
) -> None:
    totals = {
        "data__object__amount_total": stripe_amount,
        "data__object__amount_subtotal": stripe_amount,
        "data__object__currency": currency,
    }
    await deliver(shop, "stripe", "checkout_session_completed__2020-03-02.json", **totals)
    [order] = await shop.rows("SELECT currency, amount, amount_paid FROM orders")
    assert tuple(order.values()) == (currency.upper(), minor, minor)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"data__object__currency": "zzz"}, "data.object.currency"),
        ({"data__object__currency": 5}, "data.object.currency"),
        ({"data__object__amount_total": "100"}, "data.object.amount_total"),
        ({"data__object__amount_total": 2**60}, "data.object.amount_total"),
        ({"data__object__currency": "ugx", "data__object__amount_total": 101}, "data.object.amount_total"),
        ({"data__object__id": None}, "data.object.id"),
        ({"data__object__id": "x" * 300}, "data.object.id"),
        ({"data__object__customer_details": {"name": "a\x00b"}}, "data.object.customer_details.name"),
        ({"data__object": None}, "data.object"),
        ({"data": []}, "data"),
        ({"created": "yesterday"}, "created"),
        ({"created": 10**15}, "created"),
    ],
)
async def test_a_payload_that_cannot_be_mapped_is_dead_with_the_path_of_the_field(
    shop: World, changes: dict[str, Any], path: str
) -> None:
    event = await deliver(shop, "stripe", "checkout_session_completed__2020-03-02.json", **changes)
    state, reason = (await shop.states())[event]
    assert state == "dead"
    assert str(reason).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("provider", "name", "changes", "path"),
    [
        ("shopify", "orders_create__minimal.json", {"total_price": "199.001", "total_price_set": None}, "total_price"),
        ("shopify", "orders_create__jpy_0.json", {"total_price": "23600.5", "total_price_set": None}, "total_price"),
        ("shopify", "orders_create__minimal.json", {"currency": "XXQ"}, "currency"),
        ("shopify", "orders_create__minimal.json", {"id": None}, "id"),
        ("shopify", "orders_create__minimal.json", {"updated_at": "soon"}, "updated_at"),
        ("woocommerce", "order_created__processing.json", {"total": "NaN"}, "total"),
        ("woocommerce", "order_created__processing.json", {"total": "1e999"}, "total"),
        ("woocommerce", "order_created__processing.json", {"currency": ""}, "currency"),
    ],
)
async def test_a_shop_payload_that_cannot_be_mapped_names_its_field(
    shop: World, provider: str, name: str, changes: dict[str, Any], path: str
) -> None:
    event = await deliver(shop, provider, name, **changes)
    state, reason = (await shop.states())[event]
    assert state == "dead", reason
    assert str(reason).startswith(path)
