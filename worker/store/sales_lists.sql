-- count_orders: how many orders are in each sales status, up to a limit each; those of recurring orders are left out
SELECT s.sales_status, (
    SELECT count(*) FROM (
        SELECT FROM orders o
         WHERE o.account_id = $1 AND o.sales_status = s.sales_status AND o.recurring_order_id IS NULL
         LIMIT $2) AS counted) AS orders
  FROM unnest(ARRAY['open', 'completed', 'declined', 'refund']) AS s (sales_status)

-- count_owned_orders: the same of one owner's orders, read from the owner's side; up to a limit in all
SELECT counted.sales_status, count(*) AS orders
  FROM (SELECT o.sales_status FROM orders o
         WHERE o.account_id = $1 AND o.recurring_order_id IS NULL
           AND o.id IN (SELECT w.order_id FROM order_owners w WHERE w.account_id = $1 AND w.owner_id = $3)
         LIMIT $2) AS counted
 GROUP BY counted.sales_status

-- systems: the payment systems that payments went by; steps through the index from one to the next
WITH RECURSIVE found AS (
    (SELECT system, 1 AS step FROM payments WHERE account_id = $1 ORDER BY system LIMIT 1)
     UNION ALL
    SELECT n.system, f.step + 1
      FROM found f CROSS JOIN LATERAL (
          SELECT system FROM payments p WHERE p.account_id = $1 AND p.system > f.system ORDER BY system LIMIT 1) AS n
     WHERE f.step < $2)
SELECT system AS word FROM found

-- currencies: the currencies that payments were made in; steps through the index from one to the next
WITH RECURSIVE found AS (
    (SELECT currency, 1 AS step FROM payments WHERE account_id = $1 ORDER BY currency LIMIT 1)
     UNION ALL
    SELECT n.currency, f.step + 1
      FROM found f CROSS JOIN LATERAL (
          SELECT currency FROM payments p WHERE p.account_id = $1 AND p.currency > f.currency ORDER BY currency LIMIT 1
      ) AS n
     WHERE f.step < $2)
SELECT currency AS word FROM found

-- order_heads: what the orders of payments are called and whose they are, as far as their reader sees them
SELECT o.id, o.number, o.title, o.contact_id, o.livemode
  FROM orders o
 WHERE o.account_id = $1 AND o.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))

-- dossier_events: the newest events of a sale
SELECT event_id FROM event_states WHERE account_id = $1 AND dossier_id = $2 ORDER BY event_id DESC LIMIT $3
