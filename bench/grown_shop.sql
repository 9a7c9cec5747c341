-- A shop after years: :orders orders with their lines, payments, contacts, deals, offers, managers, recurring orders and
-- checkouts, and three events for each. Each column that a list filters by has a value that nearly all rows have and one
-- that hardly any has, since both are what makes a list slow.
SET synchronous_commit = off;
SET daybook.deriving = 'on';
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';

CREATE FUNCTION pg_temp.made(kind int, n bigint, at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8'
            || lpad(to_hex(n), 15, '0'))::uuid $$;
CREATE FUNCTION pg_temp.known(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.made(kind, n, '2020-01-01Z') $$;

CREATE TEMPORARY TABLE shop AS SELECT account_id, connection_id AS stripe FROM connection_directory WHERE name = 'stripe';
INSERT INTO connections (account_id, id, name, provider, secrets)
SELECT account_id, pg_temp.known(1, n), t.name, t.name, secrets
  FROM shop JOIN connections c USING (account_id), unnest(ARRAY['shopify', 'standard']) WITH ORDINALITY AS t (name, n)
 WHERE c.name = 'stripe'
   AND NOT EXISTS (SELECT FROM connections k WHERE k.account_id = c.account_id AND k.name = t.name);
ALTER TABLE shop ADD COLUMN shopify uuid, ADD COLUMN standard uuid;
UPDATE shop SET shopify = (SELECT id FROM connections c WHERE c.account_id = shop.account_id AND c.name = 'shopify'),
                standard = (SELECT id FROM connections c WHERE c.account_id = shop.account_id AND c.name = 'standard');

INSERT INTO tokens (account_id, id, name, role, permissions)
SELECT account_id, pg_temp.known(2, n), 'Manager ' || n, CASE WHEN n < 6 THEN 'manager' ELSE 'rep' END,
       '{crm.manage,sales.confirm,ops.view}'
  FROM shop, generate_series(1, 10) AS n;
INSERT INTO offer_categories (account_id, id, number, name, archived)
SELECT account_id, pg_temp.known(3, n), n, 'Category ' || n, false FROM shop, generate_series(1, 8) AS n;
INSERT INTO offers (account_id, id, number, name, category_id, unit_price, currency, several_units, partial_payment, recurring,
                    archived)
SELECT account_id, pg_temp.known(4, n), n, 'Offer ' || n, pg_temp.known(3, 1 + n % 8), 1000 * n, 'BRL', true, true, false, false
  FROM shop, generate_series(1, 60) AS n;

CREATE TEMPORARY TABLE people AS
SELECT n, now() - (:orders / 5 - n) * interval '157 seconds' AS at, pg_temp.known(5, n) AS id
  FROM generate_series(1, :orders / 5) AS n;
INSERT INTO contacts (account_id, id, email, name, phone, owner_id, created_at, updated_at)
SELECT account_id, id, 'buyer' || n || '@example.com',
       (ARRAY['Ana', 'Bruno', 'Carla', 'Davi', 'Elisa'])[1 + n % 5] || ' Buyer' || n, '+55 11 ' || n,
       CASE WHEN n % 10 = 0 THEN pg_temp.known(2, 6 + n / 10 % 4) WHEN n = 17 THEN pg_temp.known(2, 10) END, at, at
  FROM shop, people;
INSERT INTO contact_keys (account_id, key, contact_id)
SELECT account_id, 'email:buyer' || n || '@example.com', id FROM shop, people;
INSERT INTO deals (account_id, id, title, contact_id, owner_id, status, created_at, updated_at)
SELECT account_id, pg_temp.known(6, n), 'Deal ' || n || CASE WHEN n % 10000 = 7 THEN ' platinum' ELSE ' about beans' END, id,
       CASE WHEN n % 10 = 1 THEN pg_temp.known(2, 6 + n / 10 % 4) WHEN n = 18 THEN pg_temp.known(2, 10) END,
       CASE WHEN n % 5000 = 9 THEN 'lost' WHEN n % 3 = 0 THEN 'won' ELSE 'open' END, at, at
  FROM shop, people WHERE n <= :orders / 20;

CREATE TEMPORARY TABLE sales AS
SELECT n, pg_temp.made(7, n, at) AS id, at, pg_temp.known(5, 1 + n::bigint * 7919 % (:orders / 5)) AS contact_id,
       CASE WHEN n % 500 = 0 THEN 'refunded' WHEN n % 100 = 1 THEN 'failed' WHEN n % 100 = 2 THEN 'canceled'
            WHEN n % 250 = 3 THEN 'partially_paid' WHEN n % 5000 = 4 THEN 'overdue' WHEN n % 50 = 5 THEN 'pending'
            ELSE 'paid' END AS payment_status,
       CASE WHEN n % 5000 = 6 THEN 'JPY' WHEN n % 4 = 0 THEN 'USD' ELSE 'BRL' END AS currency, 1000 + n::bigint * 31 % 90000 AS amount,
       CASE WHEN n % 10 = 7 THEN pg_temp.known(8, 1 + n / 10 % (:orders / 50)) END AS recurring_order_id
  FROM generate_series(1, :orders) AS n,
       LATERAL (SELECT now() - (:orders - n) * interval '31 seconds' AS at) AS moment;
CREATE INDEX ON sales (n);
ANALYZE sales;

INSERT INTO recurring_orders (
    account_id, id, number, title, status, managed_by, connection_id, contact_id, offer_id, owner_id, livemode, currency,
    amount, items, "interval", timezone, anchor_at, payments_made, held, next_payment_at, due_at, stripe_customer_id,
    stripe_payment_method_id, created_at, updated_at)
SELECT account_id, pg_temp.known(8, n), n, 'Monthly ' || n,
       CASE WHEN n % 2000 = 1 THEN 'failed' WHEN n % 7 = 2 THEN 'completed' WHEN n % 100 = 3 THEN 'paused' ELSE 'active' END,
       CASE WHEN n % 2500 = 4 THEN 'stripe' ELSE 'manual' END, stripe, p.id,
       CASE WHEN n % 2 = 0 THEN pg_temp.known(4, 1 + n % 59) WHEN n = 19 THEN pg_temp.known(4, 60) END,
       CASE WHEN n % 10 = 5 THEN pg_temp.known(2, 6 + n / 10 % 4) WHEN n = 18 THEN pg_temp.known(2, 10) END,
       n % 3000 <> 6, 'BRL', 9900, '[]', '{"unit": "month", "count": 1}', 'UTC', at, 4, n % 2000 = 7, now() + interval '9 days',
       NULL, 'cus_' || n, 'pm_' || n, at, at
  FROM shop, people p WHERE n <= :orders / 50;

INSERT INTO orders (
    account_id, id, number, origin, external_id, external_number, title, slug, type, template, status, payment_status,
    shipping_status, source, managed_by, sales_status, sale_kind, sale_confirmed_at, sale_confirmed_by, payment_type, livemode,
    currency, amount, shipping_amount, amount_paid, amount_refunded, is_paid, ordered_at, paid_at, contact_id, deal_id, owner_id,
    manager_id, offer_id, parent_id, recurring_order_id, systems, stripe, summary, refunds, disputes, rule, derived, created_at,
    updated_at)
SELECT account_id, s.id, n,
       CASE WHEN recurring_order_id IS NOT NULL THEN 'recurring' WHEN n % 5000 = 8 THEN 'standard' WHEN n % 10 = 9 THEN 'shopify'
            ELSE 'stripe' END,
       'cs_grown_' || n, CASE WHEN n % 10 = 9 THEN '#' || n END,
       CASE WHEN n % 10000 = 11 THEN 'Zebra' ELSE 'Coffee' END || ' of farm' || n % 150 || ' for person' || n, 'grown-' || n,
       CASE WHEN n % 300 = 12 THEN 'invoice' WHEN n % 5000 = 13 THEN 'quote' ELSE 'sale' END, 'sale',
       CASE WHEN n % 5000 = 14 THEN 'void' WHEN n % 200 = 15 THEN 'draft' WHEN n % 20 = 16 THEN 'processing'
            WHEN n % 5 = 3 THEN 'completed' ELSE 'new' END,
       payment_status, CASE WHEN n % 4 = 1 THEN 'delivered' ELSE 'unshipped' END,
       CASE WHEN n % 5000 = 17 THEN 'manual' WHEN n % 5000 = 8 THEN 'webhook' WHEN n % 100 = 18 THEN 'api'
            WHEN n % 10 = 9 THEN 'commerce' ELSE 'payments' END,
       CASE WHEN n % 10 = 9 OR n % 5000 = 17 THEN 'manual' ELSE 'stripe' END,
       CASE WHEN payment_status = 'refunded' THEN 'refund' WHEN payment_status IN ('failed', 'canceled') THEN 'declined'
            WHEN payment_status = 'paid' THEN 'completed' ELSE 'open' END,
       CASE WHEN n % 5 = 1 THEN 'user' ELSE 'system' END, CASE WHEN n % 5 = 1 THEN at END, CASE WHEN n % 5 = 1 THEN 'Manager' END,
       CASE WHEN n % 250 = 3 THEN 'partial' ELSE 'full' END, n % 5000 <> 19, currency, amount, 0,
       CASE WHEN payment_status IN ('paid', 'refunded') THEN amount WHEN payment_status = 'partially_paid' THEN amount / 3 ELSE 0 END,
       CASE WHEN payment_status = 'refunded' THEN amount ELSE 0 END, payment_status = 'paid', at,
       CASE WHEN payment_status IN ('paid', 'refunded') THEN at + interval '1 minute' END, contact_id,
       CASE WHEN n % 20 = 1 THEN pg_temp.known(6, 1 + n / 20 % (:orders / 20)) END,
       CASE WHEN n % 10 = 2 THEN pg_temp.known(2, 1 + n / 10 % 9) WHEN n = 23 THEN pg_temp.known(2, 10) END,
       CASE WHEN n % 3 = 0 THEN pg_temp.known(2, 1 + n / 3 % 4) WHEN n % 5000 = 20 THEN pg_temp.known(2, 5) END,
       CASE WHEN n % 2 = 0 THEN pg_temp.known(4, 1 + n / 2 % 59) WHEN n % 5000 = 21 THEN pg_temp.known(4, 60) END,
       CASE WHEN n % 300 = 12 THEN (SELECT o.id FROM sales o WHERE o.n = s.n - 1) END, recurring_order_id,
       ARRAY[CASE WHEN n % 5000 = 8 THEN 'hand' WHEN n % 10 = 9 THEN 'shopify_payments' ELSE 'stripe' END],
       CASE WHEN n % 10 = 3 THEN jsonb_build_object('checkout_session_id', 'cs_grown_' || n) ELSE '{}' END,
       '{"order_total": 0, "paid": 0, "refunded": 0, "remaining": 0, "items_total": 0, "taxes_total": 0, "discounts_total": 0,
         "shipping_total": 0, "charges": {}}',
       '[]', '[]', 'all of the amount was received', '{}', at, at
  FROM shop, sales s;

INSERT INTO order_items (account_id, order_id, id, position, key, name, quantity, unit_price, discount, subtotal, tax, total,
                         service)
SELECT account_id, id, id, 1, 'total', 'Coffee', 1, amount, 0, amount, 0, amount, false FROM shop, sales;
INSERT INTO timeline (account_id, order_id, id, at, actor, changes)
SELECT account_id, id, id, at, 'event', '[{"field": "created", "from": null, "to": "payments"}]' FROM shop, sales;

INSERT INTO payments (account_id, id, number, key, dossier_id, order_id, status, amount, currency, counted, system, one_click,
                      fee, net, failure_code, failure_reason, attempted_at, paid_at, refunded, stated)
SELECT account_id, id, n, 'stripe:pi_grown_' || n, id, CASE WHEN n % 5000 <> 22 THEN id END,
       CASE WHEN payment_status = 'failed' THEN 'failed' WHEN payment_status = 'canceled' THEN 'canceled'
            WHEN payment_status = 'pending' THEN 'processing' WHEN payment_status = 'overdue' THEN 'requires_action'
            ELSE 'succeeded' END,
       amount, currency, amount, CASE WHEN n % 5000 = 8 THEN 'hand' WHEN n % 10 = 9 THEN 'shopify_payments' ELSE 'stripe' END,
       recurring_order_id IS NOT NULL, 30, amount - 30, CASE WHEN payment_status = 'failed' THEN 'insufficient_funds' END,
       CASE WHEN payment_status = 'failed' THEN 'insufficient funds' END, at, CASE WHEN payment_status <> 'failed' THEN at END, 0,
       false
  FROM shop, sales;

INSERT INTO checkouts (account_id, id, connection_id, state, contact_id, order_id, currency, amount, params, lines, actor,
                       session_id, url, expires_at, created_at, opened_at)
SELECT account_id, pg_temp.made(9, n, at), stripe, 'opened', contact_id, id, currency, amount, '{}', '[]', 'token:shop',
       'cs_grown_' || n, 'https://checkout.example/' || n, at + interval '1 day', at, at
  FROM shop, sales WHERE n % 10 = 3;

INSERT INTO dossiers (account_id, id, content) SELECT account_id, id, '{}' FROM shop, sales;
INSERT INTO links (account_id, key, dossier_id)
SELECT account_id, 'stripe:' || prefix || '_grown_' || n, id FROM shop, sales, unnest(ARRAY['pi', 'cs']) AS prefix;

CREATE TEMPORARY TABLE told AS
SELECT n, k, pg_temp.made(10 + k, n, at) AS id, at + k * interval '1 second' AS at, s.id AS dossier_id, (n - 1) * 3 + k AS number
  FROM sales s, generate_series(1, 3) AS k;
INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, occurred_at,
                    received_at, headers, body)
SELECT account_id, id, CASE WHEN n % 5000 = 8 THEN standard WHEN n % 10 = 9 THEN shopify ELSE stripe END,
       decode(md5('grown' || number), 'hex'), 'evt_grown_' || number,
       CASE WHEN number % 20000 = 1 THEN 'charge.dispute.created'
            ELSE (ARRAY['payment_intent.created', 'charge.succeeded', 'checkout.session.completed'])[k] END,
       CASE WHEN n % 10 = 9 THEN 'orders' ELSE 'payments' END, n % 5000 <> 19, false, at, at, '{}',
       convert_to('{"id": "evt_grown_' || number || '"}', 'UTF8')
  FROM shop, told;
INSERT INTO event_states (account_id, event_id, lane, state, reason, attempts, settled_at, next_attempt_at, dossier_id)
SELECT account_id, id, CASE WHEN n % 10 = 9 THEN 'orders' ELSE 'payments' END, state,
       CASE state WHEN 'waiting' THEN 'waits for pi_' || n WHEN 'dead' THEN 'amount: is not a number'
                  WHEN 'ignored' THEN 'nothing to do' WHEN 'retrying' THEN 'Transient: TimeoutError: ' END,
       1, CASE WHEN state NOT IN ('received', 'retrying') THEN at + interval '20 ms' END,
       CASE WHEN state IN ('received', 'retrying') THEN now() + interval '1 day' END,
       CASE WHEN state IN ('applied', 'ignored') THEN dossier_id END
  FROM shop, told,
       LATERAL (SELECT CASE WHEN number % 30000 = 2 THEN 'dead' WHEN number % 90000 = 3 THEN 'retrying'
                            WHEN number % 90000 = 4 THEN 'received' WHEN number % 3000 = 5 THEN 'waiting'
                            WHEN number % 10 = 6 THEN 'ignored' ELSE 'applied' END AS state) AS became;

INSERT INTO counters (account_id, name, value)
SELECT account_id, name, :orders FROM shop, unnest(ARRAY['orders', 'payments', 'recurring_orders', 'offers', 'offer_categories']) AS name
ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value;
DROP TABLE told, sales, people, shop;
VACUUM ANALYZE;
CHECKPOINT;
