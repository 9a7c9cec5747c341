-- insert: a new recurring order
INSERT INTO recurring_orders (
    account_id, id, title, status, managed_by, connection_id, contact_id, offer_id, owner_id, livemode, currency, amount,
    items, "interval", timezone, anchor_at, total_payments, payments_made, cycle, next_payment_at, order_id, tries,
    refusals, retry_at, attempt_id, after_outcome, held, failure_code, failure_reason, due_at, stripe_customer_id,
    stripe_payment_method_id, completed_at, failed_at)
SELECT
    $1, $2, title, status, managed_by, connection_id, contact_id, offer_id, owner_id, livemode, currency, amount,
    items, "interval", timezone, anchor_at, total_payments, payments_made, cycle, next_payment_at, order_id, tries,
    refusals, retry_at, attempt_id, after_outcome, held, failure_code, failure_reason, due_at, stripe_customer_id,
    stripe_payment_method_id, completed_at, failed_at
  FROM json_populate_record(NULL::recurring_orders, $3::text::json)

-- number: the serial number of a new recurring order; the counter row is held only from here to the commit
WITH counted AS (
    INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'recurring_orders', 1)
    ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + 1
    RETURNING value
)
UPDATE recurring_orders r SET number = counted.value FROM counted WHERE r.account_id = $1 AND r.id = $2

-- update: what changes of a recurring order that is held
UPDATE recurring_orders r SET
    title = g.title, owner_id = g.owner_id, status = g.status, payments_made = g.payments_made, cycle = g.cycle,
    next_payment_at = g.next_payment_at, order_id = g.order_id, tries = g.tries, refusals = g.refusals,
    retry_at = g.retry_at, attempt_id = g.attempt_id, after_outcome = g.after_outcome, held = g.held,
    failure_code = g.failure_code, failure_reason = g.failure_reason, due_at = g.due_at,
    stripe_customer_id = g.stripe_customer_id, stripe_payment_method_id = g.stripe_payment_method_id,
    completed_at = g.completed_at, failed_at = g.failed_at, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::recurring_orders, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- read: whole recurring orders, as far as their reader sees them
SELECT * FROM recurring_orders r
 WHERE account_id = $1 AND id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = r.contact_id AND c.owner_id = $3))

-- hold: recurring orders, held until the end of the transaction
SELECT * FROM recurring_orders WHERE account_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE

-- hold_if_free: one that nobody else holds
SELECT * FROM recurring_orders WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE SKIP LOCKED

-- due: the recurring orders of which something is due, the longest first, where charging is allowed
SELECT r.account_id, r.id FROM recurring_orders r JOIN accounts a ON a.id = r.account_id
 WHERE r.due_at <= $1 AND a.registry_enabled AND a.charging_stopped_at IS NULL
 ORDER BY r.due_at, r.id LIMIT $2

-- hold_back: what is due in an account waits for a person from here on
UPDATE recurring_orders SET held = true, due_at = NULL, version = version + 1, updated_at = now()
 WHERE account_id = $1 AND due_at <= $2

-- postpone: what is due now is looked at again later
UPDATE recurring_orders SET due_at = greatest(due_at, $3) WHERE account_id = $1 AND id = $2 AND due_at IS NOT NULL

-- under_way: recurring orders whose open attempt was not sent yet
SELECT recurring_order_id AS id FROM charge_attempts
 WHERE account_id = $1 AND next_check_at IS NOT NULL AND state = 'created' ORDER BY recurring_order_id

-- save_subscription: one of Stripe's own subscriptions, as it is now
INSERT INTO recurring_orders (
    account_id, id, title, status, managed_by, connection_id, contact_id, livemode, currency, amount, items, "interval",
    timezone, anchor_at, next_payment_at, stripe_customer_id, stripe_subscription_id, completed_at, failed_at)
SELECT
    $1, g.id, g.title, g.status, 'stripe', (
        SELECT id FROM connections c WHERE c.account_id = $1 AND c.name = $4),
    (SELECT k.contact_id FROM contact_keys k WHERE k.account_id = $1 AND k.key = $5), g.livemode, g.currency, g.amount,
    '[]', g."interval", 'UTC', g.anchor_at, g.next_payment_at, g.stripe_customer_id, g.stripe_subscription_id,
    g.completed_at, g.failed_at
  FROM json_populate_record(NULL::recurring_orders, $3::text::json) g WHERE g.id = $2
ON CONFLICT (account_id, id) DO UPDATE SET
    title = excluded.title, status = excluded.status, currency = excluded.currency, amount = excluded.amount,
    contact_id = coalesce(excluded.contact_id, recurring_orders.contact_id), "interval" = excluded."interval",
    anchor_at = excluded.anchor_at, next_payment_at = excluded.next_payment_at, completed_at = excluded.completed_at,
    failed_at = excluded.failed_at, stripe_customer_id = excluded.stripe_customer_id, livemode = excluded.livemode,
    version = recurring_orders.version + 1, updated_at = now()
RETURNING number IS NULL AS new

-- adopt: subscriptions whose customer was not known when they were heard of
UPDATE recurring_orders r SET contact_id = g.contact_id, version = r.version + 1, updated_at = now()
  FROM unnest($2::uuid[], $3::uuid[]) AS g (id, contact_id)
 WHERE r.account_id = $1 AND r.id = ANY ($2) AND r.id = g.id AND r.contact_id IS NULL

-- orders_of: the orders of a recurring order, the first on top
SELECT id, created_at FROM orders
 WHERE account_id = $1 AND recurring_order_id = $2 AND ($3::timestamptz IS NULL OR (created_at, id) > ($3, $4::uuid))
 ORDER BY created_at, id LIMIT $5

-- newest_orders_of: the orders of a recurring order, the newest on top
SELECT id, created_at FROM orders
 WHERE account_id = $1 AND recurring_order_id = $2 AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
 ORDER BY created_at DESC, id DESC LIMIT $5

-- charging: what operators watch: how much that may be charged is overdue and how long, how many outcomes are not known and
-- how long, how many charges are held back, how many Stripe refuses to try, and in how many accounts charging is stopped
WITH late AS (
    SELECT r.due_at FROM recurring_orders r JOIN accounts a ON a.id = r.account_id
     WHERE r.due_at < $1 AND a.registry_enabled AND a.charging_stopped_at IS NULL
     ORDER BY r.due_at LIMIT 10000
), unknown AS (
    SELECT sent_at FROM charge_attempts WHERE state = 'unknown' LIMIT 10000
)
SELECT (SELECT count(*) FROM late) AS overdue,
       (SELECT extract(epoch FROM $2::timestamptz - min(due_at))::float8 FROM late) AS overdue_s,
       (SELECT count(*) FROM unknown) AS unknown,
       (SELECT extract(epoch FROM $2::timestamptz - min(sent_at))::float8 FROM unknown) AS unknown_s,
       (SELECT count(*) FROM (SELECT FROM recurring_orders WHERE held LIMIT 10000) AS h) AS held,
       (SELECT count(*) FROM (SELECT FROM recurring_orders WHERE refusals > 0 LIMIT 10000) AS f) AS refused,
       (SELECT count(*) FROM accounts WHERE charging_stopped_at IS NOT NULL) AS stopped
