-- A shop after a long time: :events events that were applied, and three orders for every ten of them. Bodies are small:
-- what has to be shown is that tables and indexes of this many rows cost nothing more.
SET synchronous_commit = off;
SET daybook.deriving = 'on';
SET maintenance_work_mem = '512MB';

CREATE TEMPORARY TABLE shop AS SELECT account_id, connection_id FROM connection_directory WHERE name = 'stripe';
CREATE TEMPORARY TABLE sales AS
SELECT n, gen_random_uuid() AS id, md5('contact' || n % 100000)::uuid AS contact_id,
       now() - (:events * 3 / 10 - n) * interval '7 seconds' AS at
  FROM generate_series(1, :events * 3 / 10) AS n;

INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, occurred_at,
                    received_at, headers, body)
SELECT account_id, md5('event' || n)::uuid, connection_id, decode(md5('dedupe' || n), 'hex'), 'evt_grown_' || n,
       (ARRAY['payment_intent.created', 'payment_intent.succeeded', 'charge.succeeded', 'checkout.session.completed'])[1 + n % 4],
       'payments', true, false, at, at, '{}', convert_to('{"id": "evt_grown_' || n || '", "object": "event"}', 'UTF8')
  FROM shop, generate_series(1, :events) AS n,
       LATERAL (SELECT now() - (:events - n) * interval '2 seconds' AS at) AS moment;

INSERT INTO event_states (account_id, event_id, lane, state, attempts, settled_at, dossier_id)
SELECT account_id, md5('event' || number)::uuid, 'payments', 'applied', 1, now(), s.id
  FROM shop, generate_series(1, :events) AS number JOIN sales s ON s.n = 1 + number % (:events * 3 / 10);

INSERT INTO contacts (account_id, id, email, name)
SELECT account_id, md5('contact' || n)::uuid, 'buyer' || n || '@example.com', 'Buyer ' || n
  FROM shop, generate_series(0, 99999) AS n;
INSERT INTO contact_keys (account_id, key, contact_id)
SELECT account_id, 'stripe:cus_grown_' || n, md5('contact' || n)::uuid FROM shop, generate_series(0, 99999) AS n;

INSERT INTO dossiers (account_id, id, content) SELECT account_id, id, '{}' FROM shop, sales;
INSERT INTO links (account_id, key, dossier_id)
SELECT account_id, 'stripe:' || prefix || '_grown_' || n, id
  FROM shop, sales, unnest(ARRAY['pi', 'ch', 'cs']) AS prefix;

INSERT INTO orders (
    account_id, id, number, origin, external_id, title, slug, type, template, status, payment_status, shipping_status,
    source, managed_by, sales_status, sale_kind, payment_type, livemode, currency, amount, shipping_amount, amount_paid,
    amount_refunded, is_paid, ordered_at, paid_at, contact_id, stripe, summary, refunds, disputes, rule, derived,
    created_at, updated_at)
SELECT account_id, id, n, 'stripe', 'cs_grown_' || n, 'Order cs_grown_' || n, 'stripe-cs-grown-' || n, 'sale', 'sale', 'new',
       'paid', 'unshipped', 'payments', 'stripe', 'completed', 'system', 'full', true, 'USD', 1000 + n % 90000, 0,
       1000 + n % 90000, 0, true, at, at, contact_id, '{}', '{}', '[]', '[]', 'all of the amount was received', '{}', at, at
  FROM shop, sales;
INSERT INTO order_items (account_id, order_id, id, position, key, name, quantity, unit_price, discount, subtotal, tax, total,
                         service)
SELECT account_id, id, id, 1, 'total', 'Sale', 1, 1000 + n % 90000, 0, 1000 + n % 90000, 0, 1000 + n % 90000, false
  FROM shop, sales;
INSERT INTO payments (account_id, id, number, key, dossier_id, order_id, status, amount, currency, counted, system, one_click,
                      attempted_at, paid_at, refunded, stated)
SELECT account_id, id, n, 'stripe:pi_grown_' || n, id, id, 'succeeded', 1000 + n % 90000, 'USD', 1000 + n % 90000, 'stripe',
       false, at, at, 0, false
  FROM shop, sales;
INSERT INTO timeline (account_id, order_id, id, at, actor, changes)
SELECT account_id, id, id, at, 'event', '[{"field": "created", "from": null, "to": "payments"}]' FROM shop, sales;
INSERT INTO refs (account_id, ref, dossier_id) SELECT account_id, 'order-' || n, id FROM shop, sales WHERE n % 5 = 0;
INSERT INTO order_merges (account_id, order_id, number, into_order_id)
SELECT account_id, gen_random_uuid(), -n, id FROM shop, sales WHERE n % 10 = 0;
INSERT INTO counters (account_id, name, value)
SELECT account_id, name, :events * 3 / 10 FROM shop, unnest(ARRAY['orders', 'payments']) AS name
ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value;
VACUUM ANALYZE;
CHECKPOINT;
