-- read_orders: whole orders, as far as their reader sees them
SELECT id, number, title, slug, type, template, status, payment_status, shipping_status, source, managed_by, origin,
       external_id, contact_id, deal_id, owner_id, parent_id, location_id, destination_location_id,
       offer_id, manager_id, sales_status, sale_kind, sale_confirmed_at, sale_confirmed_by, payment_type, external_number, livemode, notes,
       currency, amount, shipping_amount, amount_paid, amount_refunded, is_paid, ordered_at, paid_at, due_at,
       billing_address, shipping_address, tracking_url, summary, refunds, disputes, stripe, rule, version, created_at,
       updated_at
  FROM orders o WHERE account_id = $1 AND id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))

-- read_items: the lines of orders
SELECT order_id, id, position, sku, name, quantity, unit_price, tax_rate, discount, subtotal, tax, total, delivery_method,
       service, parent_line, attributes
  FROM order_items WHERE account_id = $1 AND order_id = ANY ($2) ORDER BY order_id, position

-- read_charges: the charges of orders
SELECT order_id, id, position, kind, mode, "of", value, sign, amount, label
  FROM order_charges WHERE account_id = $1 AND order_id = ANY ($2) ORDER BY order_id, position

-- read_payments: the payments of orders, oldest first
SELECT order_id, id, number, key, status, amount, currency, counted, fee, net, system, merchant, method, one_click,
       failure_code, failure_reason, comment, attempted_at, paid_at, refunded, dispute, flag
  FROM payments WHERE account_id = $1 AND order_id = ANY ($2) ORDER BY order_id, attempted_at, key

-- merged_into: the order that another one was merged into
SELECT into_order_id FROM order_merges m WHERE account_id = $1 AND order_id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = m.into_order_id AND $3 = ANY (w.owners)))

-- read_timeline: what changed on an order, newest first, before a given entry
SELECT id, at, actor, events, changes FROM timeline t
 WHERE account_id = $1 AND order_id = $2 AND ($3::uuid IS NULL OR id < $3)
   AND ($5::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = t.order_id AND $5 = ANY (w.owners)))
 ORDER BY id DESC LIMIT $4

-- read_dossier: all that is stated of a sale
SELECT content FROM dossiers d WHERE account_id = $1 AND id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = d.id AND $3 = ANY (w.owners)))

-- owner: who owns an order, and its version
SELECT owner_id, version FROM orders o WHERE account_id = $1 AND id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))
