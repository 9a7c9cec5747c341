-- sales: completed orders of a time, by what the report is by and by currency. An invoice or a shipment of another order
-- tells of that order and is not counted beside it; by manager only confirmed sales count
SELECT s.currency, s.key, s.name, s.number, count(*) AS orders, sum(s.amount)::text AS amount,
       sum(s.amount_paid)::text AS received, sum(s.amount_refunded)::text AS refunded
  FROM (
      SELECT o.currency, o.amount, o.amount_paid, o.amount_refunded,
             CASE $7 WHEN 'offer' THEN f.id WHEN 'offer_category' THEN g.id WHEN 'contact' THEN c.id
                     WHEN 'manager' THEN t.id END AS key,
             CASE $7 WHEN 'offer' THEN f.name WHEN 'offer_category' THEN g.name
                     WHEN 'contact' THEN coalesce(c.name, c.email) WHEN 'manager' THEN t.name END AS name,
             CASE $7 WHEN 'offer' THEN f.number WHEN 'offer_category' THEN g.number END AS number
        FROM orders o
        LEFT JOIN offers f ON f.account_id = o.account_id AND f.id = o.offer_id
        LEFT JOIN offer_categories g ON g.account_id = f.account_id AND g.id = f.category_id
        LEFT JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
        LEFT JOIN tokens t ON t.account_id = o.account_id AND t.id = o.manager_id AND o.sale_kind = 'user'
       WHERE o.account_id = $1 AND o.sales_status = 'completed' AND o.status <> 'void'
         AND coalesce(o.paid_at, o.ordered_at) >= $2 AND coalesce(o.paid_at, o.ordered_at) < $3
         AND (o.livemode OR $4) AND ($5::text IS NULL OR o.currency = $5)
         AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
         AND ($7 <> 'manager' OR o.sale_confirmed_at IS NOT NULL)
         AND ($6::uuid IS NULL OR EXISTS (
             SELECT FROM order_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND w.owner_id = $6))
  ) AS s
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 3, 4, 2
 LIMIT $8

-- systems: what was received for these orders, on their invoices too, by payment system and the payments' own currency. What
-- an order has beyond its payments (a refund of no payment by name, a sum that is only noted) is of their one system, if it
-- is one
WITH sold AS (
    SELECT o.id, o.currency, o.amount_paid, o.amount_refunded
      FROM orders o
     WHERE o.account_id = $1 AND o.sales_status = 'completed' AND o.status <> 'void'
       AND coalesce(o.paid_at, o.ordered_at) >= $2 AND coalesce(o.paid_at, o.ordered_at) < $3
       AND (o.livemode OR $4) AND ($5::text IS NULL OR o.currency = $5)
       AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
       AND ($6::uuid IS NULL OR EXISTS (
           SELECT FROM order_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND w.owner_id = $6))
), paid AS (
    SELECT s.id, p.currency, p.system, p.amount, p.refunded
      FROM sold s
      JOIN payments p ON p.account_id = $1 AND p.order_id = s.id AND p.status = 'succeeded'
     UNION ALL
    SELECT s.id, p.currency, p.system, p.amount, p.refunded
      FROM sold s
      JOIN orders i ON i.account_id = $1 AND i.parent_id = s.id AND i.type = 'invoice' AND i.status <> 'void'
      JOIN payments p ON p.account_id = $1 AND p.order_id = i.id AND p.status = 'succeeded'
), beyond AS (
    SELECT s.id, s.currency, CASE WHEN count(DISTINCT p.system) = 1 THEN min(p.system) END AS system,
           s.amount_paid - coalesce(sum(p.amount) FILTER (WHERE p.currency = s.currency), 0) AS amount,
           s.amount_refunded - coalesce(sum(p.refunded) FILTER (WHERE p.currency = s.currency), 0) AS refunded
      FROM sold s LEFT JOIN paid p ON p.id = s.id
     GROUP BY s.id, s.currency, s.amount_paid, s.amount_refunded
), every AS (
    SELECT * FROM paid
     UNION ALL
    SELECT * FROM beyond WHERE amount <> 0 OR refunded <> 0 OR id NOT IN (SELECT id FROM paid)
)
SELECT currency, system AS key, system AS name, NULL::bigint AS number, count(DISTINCT id) AS orders,
       sum(amount)::text AS amount, sum(amount)::text AS received, sum(refunded)::text AS refunded
  FROM every
 GROUP BY currency, system
 ORDER BY currency, system
 LIMIT $7
