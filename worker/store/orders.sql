-- begin_deriving: say that this transaction writes what follows from facts, which alone may touch locked fields
SELECT set_config('daybook.deriving', 'on', true)

-- load_derived: orders as last saved
SELECT id, derived, contact_id, slug FROM orders WHERE account_id = $1 AND id = ANY ($2) ORDER BY id

-- taken_slugs: which of the given (type, slug) belong to another order; each is looked up by itself
SELECT g.type, g.slug
  FROM unnest($2::uuid[], $3::text[], $4::text[]) AS g (id, type, slug)
 CROSS JOIN LATERAL (
     SELECT FROM orders o WHERE o.account_id = $1 AND o.type = g.type AND o.slug = g.slug AND o.id <> g.id LIMIT 1) AS taken

-- save_orders: write orders, new or changed
INSERT INTO orders (
    account_id, id, origin, external_id, external_number, title, slug, type, template, status, payment_status,
    shipping_status, source, managed_by, sales_status, sale_kind, sale_confirmed_at, sale_confirmed_by, payment_type,
    livemode, currency, amount, shipping_amount, amount_paid, amount_refunded, is_paid, ordered_at, paid_at, due_at,
    notes, billing_address, shipping_address, tracking_url, contact_id, deal_id, owner_id, manager_id, offer_id,
    location_id, destination_location_id, parent_id, recurring_order_id, moves_stock, systems, stripe, summary, refunds, disputes,
    rule, derived, created_at, updated_at)
SELECT
    $1, id, origin, external_id, external_number, title, slug, type, template, status, payment_status,
    shipping_status, source, managed_by, sales_status, sale_kind, sale_confirmed_at, sale_confirmed_by, payment_type,
    livemode, currency, amount, shipping_amount, amount_paid, amount_refunded, is_paid, ordered_at, paid_at, due_at,
    notes, billing_address, shipping_address, tracking_url, contact_id, deal_id, owner_id, manager_id, offer_id,
    location_id, destination_location_id, parent_id, recurring_order_id, moves_stock, systems, stripe, summary, refunds, disputes,
    rule, d.derived, now(), now()
  FROM json_populate_recordset(NULL::orders, $2::text::json) AS g
  JOIN unnest($3::uuid[], $4::bytea[]) AS d (id, derived) USING (id)
 ORDER BY id
ON CONFLICT (account_id, id) DO UPDATE SET
    origin = excluded.origin, external_id = excluded.external_id, external_number = excluded.external_number,
    title = excluded.title, slug = excluded.slug, type = excluded.type, template = excluded.template,
    status = excluded.status, payment_status = excluded.payment_status, shipping_status = excluded.shipping_status,
    source = excluded.source, managed_by = excluded.managed_by, sales_status = excluded.sales_status,
    sale_kind = excluded.sale_kind, sale_confirmed_at = excluded.sale_confirmed_at,
    sale_confirmed_by = excluded.sale_confirmed_by, payment_type = excluded.payment_type, livemode = excluded.livemode,
    currency = excluded.currency, amount = excluded.amount, shipping_amount = excluded.shipping_amount,
    amount_paid = excluded.amount_paid, amount_refunded = excluded.amount_refunded, is_paid = excluded.is_paid,
    ordered_at = excluded.ordered_at, paid_at = excluded.paid_at, due_at = excluded.due_at, notes = excluded.notes,
    billing_address = excluded.billing_address, shipping_address = excluded.shipping_address,
    tracking_url = excluded.tracking_url, contact_id = excluded.contact_id, deal_id = excluded.deal_id,
    owner_id = excluded.owner_id, manager_id = excluded.manager_id, offer_id = excluded.offer_id,
    location_id = excluded.location_id, destination_location_id = excluded.destination_location_id,
    recurring_order_id = excluded.recurring_order_id, systems = excluded.systems, stripe = excluded.stripe, summary = excluded.summary,
    refunds = excluded.refunds, disputes = excluded.disputes, rule = excluded.rule, derived = excluded.derived,
    version = orders.version + 1, updated_at = now()

-- delete_items: the lines of orders whose lines changed
DELETE FROM order_items WHERE account_id = $1 AND order_id = ANY ($2)

-- insert_items: lines, all of each order's
INSERT INTO order_items (account_id, order_id, id, position, key, sku, name, quantity, unit_price, tax_rate, discount,
                         subtotal, tax, total, delivery_method, service, parent_line, attributes)
SELECT $1, order_id, id, position, key, sku, name, quantity, unit_price, tax_rate, discount, subtotal, tax, total,
       delivery_method, service, parent_line, attributes
  FROM json_populate_recordset(NULL::order_items, $2::text::json) ORDER BY order_id, position

-- delete_charges: the charges of orders whose charges changed
DELETE FROM order_charges WHERE account_id = $1 AND order_id = ANY ($2)

-- insert_charges: charges, all of each order's
INSERT INTO order_charges (account_id, order_id, id, position, key, kind, mode, "of", value, sign, amount, label)
SELECT $1, order_id, id, position, key, kind, mode, "of", value, sign, amount, label
  FROM json_populate_recordset(NULL::order_charges, $2::text::json) ORDER BY order_id, position

-- delete_payments: payments of these dossiers that are not among those that follow from their facts now
DELETE FROM payments WHERE account_id = $1 AND dossier_id = ANY ($2) AND NOT id = ANY ($3)

-- save_payments: payments, new or changed, with or without an order
INSERT INTO payments (account_id, id, key, dossier_id, order_id, status, amount, currency, counted, system, merchant,
                      method, one_click, fee, net, failure_code, failure_reason, comment, attempted_at, paid_at, refunded,
                      dispute, stated, flag)
SELECT $1, id, key, dossier_id, order_id, status, amount, currency, counted, system, merchant, method, one_click, fee,
       net, failure_code, failure_reason, comment, attempted_at, paid_at, refunded, dispute, stated, flag
  FROM json_populate_recordset(NULL::payments, $2::text::json) ORDER BY id
ON CONFLICT (account_id, id) DO UPDATE SET
    dossier_id = excluded.dossier_id, order_id = excluded.order_id, status = excluded.status, amount = excluded.amount,
    currency = excluded.currency, counted = excluded.counted, system = excluded.system, merchant = excluded.merchant,
    method = excluded.method, one_click = excluded.one_click, fee = excluded.fee, net = excluded.net,
    failure_code = excluded.failure_code, failure_reason = excluded.failure_reason, comment = excluded.comment,
    attempted_at = excluded.attempted_at, paid_at = excluded.paid_at, refunded = excluded.refunded,
    dispute = excluded.dispute, stated = excluded.stated, flag = excluded.flag

-- add_timeline: what changed on orders
INSERT INTO timeline (account_id, order_id, id, at, actor, events, changes)
SELECT $1, order_id, id, now(), actor, events, changes
  FROM json_populate_recordset(NULL::timeline, $2::text::json) ORDER BY order_id, id

-- merge_timeline: the history of orders that turned out to be another goes on there
UPDATE timeline t SET order_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE t.account_id = $1 AND t.order_id = g.source

-- record_merges: keep the numbers of orders that turned out to be another
INSERT INTO order_merges (account_id, order_id, number, into_order_id)
SELECT o.account_id, o.id, o.number, g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
  JOIN orders o ON o.account_id = $1 AND o.id = g.source
 ORDER BY o.id

-- redirect_merges: what was merged into an order that is now merged itself
UPDATE order_merges m SET into_order_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE m.account_id = $1 AND m.into_order_id = g.source

-- merge_units: units that went out with orders that turned out to be another; the lines there have other ids
UPDATE units u SET order_id = g.target, order_item_id = NULL
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE u.account_id = $1 AND u.order_id = ANY ($2) AND u.order_id = g.source

-- delete_orders: orders that turned out to be another; each that may have moved stock, with its parent
WITH gone AS (
    DELETE FROM orders WHERE account_id = $1 AND id = ANY ($2)
    RETURNING id, parent_id, type, coalesce(location_id, destination_location_id) AS location_id
)
SELECT id, parent_id FROM gone WHERE location_id IS NOT NULL OR type = 'transfer' ORDER BY id

-- number_orders: give new orders their serial numbers, oldest first; the counter row is held only from here to the commit.
-- Their events in the outbox come back, since those were written without the number
WITH counted AS (
    INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'orders', cardinality($2::uuid[]))
    ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + excluded.value
    RETURNING value
), numbered AS (
    UPDATE orders o SET number = counted.value - cardinality($2::uuid[]) + g.position
      FROM counted, unnest($2::uuid[]) WITH ORDINALITY AS g (id, position)
     WHERE o.account_id = $1 AND o.id = g.id
    RETURNING o.id AS order_id, o.number
)
SELECT e.id, e.body, n.number
  FROM feed_events e JOIN numbered n ON n.order_id = e.subject_id
 WHERE e.account_id = $1 AND e.subject_id = ANY ($2)

-- unnumbered_payments: payments of these dossiers that have no number yet
SELECT id FROM payments WHERE account_id = $1 AND dossier_id = ANY ($2) AND number IS NULL ORDER BY attempted_at, id

-- number_payments: give new payments their serial numbers
WITH counted AS (
    INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'payments', cardinality($2::uuid[]))
    ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + excluded.value
    RETURNING value
)
UPDATE payments p SET number = counted.value - cardinality($2::uuid[]) + g.position
  FROM counted, unnest($2::uuid[]) WITH ORDINALITY AS g (id, position)
 WHERE p.account_id = $1 AND p.id = g.id

-- find_externals: the orders that an origin made under external ids, with the requests that made them
SELECT external_id, id, request FROM orders WHERE account_id = $1 AND origin = $2 AND external_id = ANY ($3)

-- set_requests: keep the normalised requests that made orders
UPDATE orders o SET request = g.request
  FROM unnest($2::uuid[], $3::bytea[]) AS g (id, request)
 WHERE o.account_id = $1 AND o.id = g.id

-- number_of: the serial number of an order
SELECT number FROM orders WHERE account_id = $1 AND id = $2

-- status_of: where an order is in its flow
SELECT status FROM orders WHERE account_id = $1 AND id = $2

-- due_orders: unpaid orders whose due date has passed and that do not say so yet
SELECT account_id, id FROM orders
 WHERE due_at <= $2 AND payment_status IN ('pending', 'partially_paid')
 ORDER BY due_at LIMIT $1
