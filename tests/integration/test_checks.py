"""`checks.sql` (I1): silent on sound books, and each fault planted is found and told by `daybook doctor`."""

from __future__ import annotations

import pytest

from tests.world import World, payload
from worker.cli.checkup import postgres_findings
from worker.config import Settings
from worker.store.checks import BY_RULE, broken, sentences
from worker.store.statements import statements

MOVED = (
    "INSERT INTO stock_movements (account_id, id, order_id, location_id, sku, bucket, quantity, at, actor) "
    "SELECT account_id, uuidv7(), {order}, id, 'A', 'on_hand', 1, now(), 'test' FROM orders; "
    "INSERT INTO stock_levels SELECT account_id, id, 'A', 'on_hand', 1 FROM orders"
)
PLANNED = (
    "INSERT INTO recurring_orders (account_id, id, number, title, status, managed_by, connection_id, contact_id, livemode, "
    'currency, amount, items, "interval", timezone, anchor_at, due_at, stripe_customer_id, stripe_payment_method_id) '
    "SELECT o.account_id, uuidv7(), 1, 'Tea', 'active', 'manual', c.id, o.contact_id, false, 'BRL', 5, '[]', '{{}}', 'UTC', "
    "now(), now(), 'cus_1', 'pm_1' FROM orders o JOIN connections c USING (account_id) LIMIT 1; "
).replace("{{}}", '{"unit": "day", "count": 1}')
ATTEMPT = (
    "INSERT INTO charge_attempts (account_id, id, recurring_order_id, cycle, number, order_id, kind, state, connection_id, "
    "amount, currency, parameters, payment_intent_id, created_at, settled_at) SELECT account_id, uuidv7(), id, 0, {number}, id, "
    "'scheduled', 'succeeded', connection_id, 5, 'BRL', '{{}}', 'pi_{number}', now(), now() FROM recurring_orders; "
)
OPENED = "UPDATE charge_attempts SET state = 'created', settled_at = NULL, next_check_at = now()"
CHECKOUT = (
    "INSERT INTO checkouts (account_id, id, connection_id, contact_id, order_id, currency, amount, params, lines, actor, "
    "expires_at, created_at, state, session_id, next_attempt_at) "
    "SELECT account_id, uuidv7(), (SELECT id FROM connections WHERE name = 'stripe'), contact_id, id, 'BRL', 5, '{}', '[]', "
    "'test', now(), now(),"
)
PLANTED = {
    "event_without_state": "DELETE FROM event_states",
    "state_without_event": "DELETE FROM events",
    "batch_left_behind": "INSERT INTO batches SELECT account_id, id, 'gone', '{}', now() - interval '1 hour' FROM events",
    "order_numbers_with_gaps": "UPDATE orders SET number = number + 1",
    "payment_numbers_twice": "UPDATE payments SET number = NULL",
    "paid_is_not_the_sum": "UPDATE orders SET amount_paid = amount_paid + 1",
    "amount_is_not_the_sum": "UPDATE orders SET amount = amount + 1",
    "payment_of_no_order": "UPDATE payments SET order_id = dossier_id, dossier_id = account_id WHERE order_id IS NOT NULL; "
    "DELETE FROM orders",
    "payment_apart_from_its_order": "UPDATE payments SET order_id = NULL",
    "link_to_nothing": "DELETE FROM dossiers",
    "order_without_dossier": "DELETE FROM dossiers",
    "waiting_beside_its_order": "UPDATE event_states SET state = 'waiting'",
    "feed_event_of_nobody": "DELETE FROM feed_deliveries",
    "feed_beyond_its_count": "DELETE FROM feed_sequences",
    "feed_without_number": "UPDATE feed_events SET body = '{}'",
    "feed_delivery_misfiled": "UPDATE feed_deliveries SET sequence = sequence + 100",
    "feed_past_its_last_attempt": "UPDATE feed_deliveries SET attempts = 10, next_attempt_at = now() - interval '1 day'",
    "merged_into_nothing": "INSERT INTO order_merges SELECT account_id, id, 2, account_id FROM orders",
    "cycle_charged_twice": PLANNED + ATTEMPT.format(number=1) + ATTEMPT.format(number=2),
    "attempt_left_open": PLANNED + ATTEMPT.format(number=1) + OPENED,
    "attempt_past_its_deadline": PLANNED + ATTEMPT.format(number=1) + OPENED + "; UPDATE charge_attempts SET "
    "next_check_at = now() - interval '16 minutes'",
    "attempt_under_way_is_over": PLANNED + "UPDATE recurring_orders SET status = 'processing', due_at = NULL, "
    "attempt_id = id, order_id = id",
    "payments_made_is_not_the_sum": PLANNED + "UPDATE recurring_orders SET payments_made = 3",
    "attempt_apart_from_its_payment": PLANNED + ATTEMPT.format(number=1) + "UPDATE charge_attempts SET "
    "payment_intent_id = (SELECT substr(key, 8) FROM payments WHERE key LIKE 'stripe:%' LIMIT 1); "
    "UPDATE payments SET status = 'failed'",
    "succeeded_without_payment": PLANNED + ATTEMPT.format(number=1),
    "recurring_never_due": PLANNED + "UPDATE recurring_orders SET due_at = NULL",
    "stock_level_is_not_the_sum": "INSERT INTO stock_levels SELECT account_id, id, 'A', 'on_hand', 1 FROM orders",
    "stock_moved_by_nothing": MOVED.format(order="uuidv7()"),
    "checkout_without_order": f"{CHECKOUT} 'opened', 'cs_none', NULL FROM orders WHERE origin = 'stripe'",
    "checkout_left_behind": f"{CHECKOUT} 'opening', NULL, now() - interval '1 hour' FROM orders WHERE origin = 'stripe'",
    "reconciliation_left_behind": "INSERT INTO reconciliations (account_id, id, connection_id, asked_by, since, until, "
    "next_attempt_at, created_at) SELECT account_id, uuidv7(), connection_id, 'test', now() - interval '2 hours', now(), "
    "now() - interval '1 hour', now() FROM events WHERE topic LIKE 'checkout%'",
    "stock_is_not_the_effect": MOVED.format(order="id"),
}
"""The others (an event without a next attempt, an order without a contact, a sale twice) a constraint refuses."""


async def test_I1_sound_books_break_nothing(shop: World) -> None:
    await shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    await shop.deliver("stripe", payload("stripe", "payment_intent_succeeded__2020-08-27.json"))
    assert await broken(shop.ctx.pool) == {}
    assert sentences().keys() == statements("checks").keys() | BY_RULE.keys()


@pytest.mark.broken_data(reason="plants the faults that the checks are to find")
@pytest.mark.parametrize("name", PLANTED)
async def test_I1_a_planted_fault_is_found_and_doctor_tells_it(shop: World, database: str, name: str) -> None:
    await shop.ctx.pool.execute(
        "INSERT INTO feed_subscribers (account_id, id, url, secret) VALUES ($1, gen_random_uuid(), 'https://x.example', '')",
        shop.account_id,
    )
    await shop.deliver("shopify", payload("shopify", "orders_create__three_lines.json"), "orders/create")
    await shop.deliver("stripe", payload("stripe", "checkout_session_completed__2020-08-27.json"))
    async with shop.ctx.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL daybook.deriving = 'on'")
        await connection.execute(PLANTED[name])
    assert name in await broken(shop.ctx.pool)
    lines = [finding for finding in await postgres_findings(Settings(database_url=database)) if name in finding.what]
    assert [line.level for line in lines] == ["failure"]
