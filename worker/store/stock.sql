-- hold_orders: the rows of these orders and of their parents, locked in one order
SELECT id FROM orders
 WHERE account_id = $1 AND id = ANY (ARRAY(
           SELECT unnest($2::uuid[])
            UNION SELECT c.parent_id FROM orders c WHERE c.account_id = $1 AND c.id = ANY ($2)))
 ORDER BY id FOR NO KEY UPDATE

-- stock_orders: what orders say of stock
SELECT o.id, o.type, o.status, p.type AS parent_type, o.location_id, o.destination_location_id, o.moves_stock
  FROM orders o LEFT JOIN orders p ON p.account_id = o.account_id AND p.id = o.parent_id
 WHERE o.account_id = $1 AND o.id = ANY ($2)

-- stock_lines: the lines of orders that name a product, and whether a live transfer child carries each
WITH transfers AS MATERIALIZED (
    SELECT id, parent_id FROM orders
     WHERE account_id = $1 AND parent_id = ANY ($2) AND type = 'transfer' AND status <> 'void'
), carried AS MATERIALIZED (
    SELECT t.parent_id, c.line_key
      FROM transfers t
     CROSS JOIN LATERAL (
         SELECT line_key FROM carried_lines WHERE account_id = $1 AND child_id = t.id OFFSET 0) AS c
)
SELECT i.order_id, i.sku, i.quantity, i.service,
       EXISTS (SELECT FROM carried c WHERE c.parent_id = i.order_id AND c.line_key = i.key) AS carried
  FROM order_items i
 WHERE i.account_id = $1 AND i.order_id = ANY ($2) AND i.sku IS NOT NULL
 ORDER BY i.order_id, i.position

-- moved: what the ledger holds for orders
SELECT order_id, location_id, sku, bucket, sum(quantity) AS quantity
  FROM stock_movements WHERE account_id = $1 AND order_id = ANY ($2)
 GROUP BY order_id, location_id, sku, bucket

-- add_movements: movements on the ledger and, locked in one order, on the levels
WITH added AS (
    INSERT INTO stock_movements (account_id, id, order_id, location_id, sku, bucket, quantity, at, actor, reason)
    SELECT $1, id, order_id, location_id, sku, bucket, quantity, $3, $4, reason
      FROM json_populate_recordset(NULL::stock_movements, $2::text::json) ORDER BY id
    RETURNING location_id, sku, bucket, quantity
)
INSERT INTO stock_levels AS l (account_id, location_id, sku, bucket, quantity)
SELECT $1, location_id, sku, bucket, sum(quantity) FROM added
 GROUP BY location_id, sku, bucket HAVING sum(quantity) <> 0
 ORDER BY location_id, sku, bucket
ON CONFLICT (account_id, location_id, sku, bucket) DO UPDATE SET quantity = l.quantity + excluded.quantity

-- hold_on_hand: what is on hand, locked until the end of the transaction; nothing where nobody counted yet
INSERT INTO stock_levels AS l (account_id, location_id, sku, bucket, quantity) VALUES ($1, $2, $3, 'on_hand', 0)
ON CONFLICT (account_id, location_id, sku, bucket) DO UPDATE SET quantity = l.quantity
RETURNING quantity

-- moving_orders: every order that may have moved stock
SELECT account_id, id FROM orders WHERE location_id IS NOT NULL OR destination_location_id IS NOT NULL
 UNION SELECT account_id, order_id FROM stock_movements WHERE order_id IS NOT NULL
 ORDER BY 1, 2
