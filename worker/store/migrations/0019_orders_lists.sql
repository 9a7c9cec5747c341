-- Lists of orders and sales (S2).

-- The payment systems that an order's payments went by.
SELECT set_config('daybook.deriving', 'on', true);
ALTER TABLE orders ADD COLUMN systems text[] NOT NULL DEFAULT '{}';
UPDATE orders o SET systems = p.systems
  FROM (SELECT account_id, order_id, array_agg(DISTINCT system ORDER BY system) AS systems
          FROM payments WHERE order_id IS NOT NULL GROUP BY account_id, order_id) p
 WHERE o.account_id = p.account_id AND o.id = p.order_id;

-- Newest first, whatever they are filtered by: what a filter may ask for is in the index, so that a rare value is found by
-- reading the index alone, and no index is kept up for each filter with each order.
DROP INDEX orders_created;
CREATE INDEX orders_created ON orders (account_id, created_at, id)
    INCLUDE (sales_status, payment_status, status, payment_type, source, managed_by, type, currency, systems, livemode,
             paid_at, sale_confirmed_at, recurring_order_id);

-- The sales status is what people filter and count by.
CREATE INDEX orders_sales ON orders (account_id, sales_status, created_at, id) INCLUDE (recurring_order_id);

-- What is rare is found at once. Only the orders that are so are in these: most orders cost nothing more.
CREATE INDEX orders_unsettled ON orders (account_id, payment_status, created_at, id)
    WHERE payment_status IN ('partially_paid', 'overdue', 'refunded', 'failed');
CREATE INDEX orders_flow ON orders (account_id, status, created_at, id) WHERE status IN ('draft', 'processing', 'void');
CREATE INDEX orders_source ON orders (account_id, source, created_at, id) WHERE source IN ('manual', 'api', 'webhook');
CREATE INDEX orders_in_parts ON orders (account_id, created_at, id) WHERE payment_type = 'partial';
CREATE INDEX orders_offer ON orders (account_id, offer_id, created_at, id) WHERE offer_id IS NOT NULL;
CREATE INDEX orders_manager ON orders (account_id, manager_id, created_at, id) WHERE manager_id IS NOT NULL;

DROP INDEX orders_contact;
CREATE INDEX orders_contact ON orders (account_id, contact_id, created_at, id);
