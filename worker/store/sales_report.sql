-- sales: completed orders of a time, by what the report is by and by currency: summed first, then named. An invoice or a
-- shipment of another order tells of that order and is not counted beside it
SELECT s.currency, coalesce(s.key::text, to_char(s.day, CASE $7 WHEN 'month' THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END)) AS key,
       coalesce(f.name, g.name, c.name, c.email, t.name,
                to_char(s.day, CASE $7 WHEN 'month' THEN 'YYYY-MM' ELSE 'YYYY-MM-DD' END)) AS name,
       coalesce(f.number, g.number) AS number, s.orders, s.amount::text AS amount, s.received::text AS received,
       s.refunded::text AS refunded
  FROM (
      SELECT o.currency,
             CASE $7 WHEN 'offer' THEN o.offer_id WHEN 'offer_category' THEN f.category_id WHEN 'contact' THEN o.contact_id
                     WHEN 'manager' THEN CASE WHEN o.sale_kind = 'user' THEN o.manager_id END END AS key,
             CASE $7 WHEN 'day' THEN (coalesce(o.paid_at, o.ordered_at) AT TIME ZONE z.timezone)::date
                     WHEN 'month' THEN date_trunc('month', coalesce(o.paid_at, o.ordered_at) AT TIME ZONE z.timezone)::date
                     END AS day,
             count(*) AS orders, sum(o.amount) AS amount, sum(o.amount_paid) AS received, sum(o.amount_refunded) AS refunded
        FROM orders o
        JOIN accounts z ON z.id = o.account_id
        LEFT JOIN offers f ON f.account_id = o.account_id AND f.id = o.offer_id
       WHERE o.account_id = $1 AND o.sales_status = 'completed' AND o.status <> 'void'
         AND coalesce(o.paid_at, o.ordered_at) >= $2 AND coalesce(o.paid_at, o.ordered_at) < $3
         AND (o.livemode OR $4) AND ($5::text IS NULL OR o.currency = $5)
         AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
         AND (NOT $14 OR o.sale_confirmed_at IS NOT NULL)
         AND ($9::uuid IS NULL OR o.offer_id = $9) AND ($10::uuid IS NULL OR f.category_id = $10)
         AND ($11::uuid IS NULL OR (o.manager_id = $11 AND o.sale_kind = 'user' AND o.sale_confirmed_at IS NOT NULL))
         AND ($12::uuid IS NULL OR o.contact_id = $12)
         AND ($13::text IS NULL OR EXISTS (
             SELECT FROM payments p WHERE p.account_id = $1 AND p.order_id = o.id AND p.status = 'succeeded' AND p.system = $13)
          OR EXISTS (
             SELECT FROM orders i JOIN payments p ON p.account_id = $1 AND p.order_id = i.id
              WHERE i.account_id = $1 AND i.parent_id = o.id AND i.type = 'invoice' AND i.status <> 'void'
                AND p.status = 'succeeded' AND p.system = $13))
         AND ($6::uuid IS NULL OR EXISTS (
             SELECT FROM order_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND w.owner_id = $6))
       GROUP BY 1, 2, 3
  ) AS s
  LEFT JOIN offers f ON $7 = 'offer' AND f.account_id = $1 AND f.id = s.key
  LEFT JOIN offer_categories g ON $7 = 'offer_category' AND g.account_id = $1 AND g.id = s.key
  LEFT JOIN contacts c ON $7 = 'contact' AND c.account_id = $1 AND c.id = s.key
  LEFT JOIN tokens t ON $7 = 'manager' AND t.account_id = $1 AND t.id = s.key
 ORDER BY s.currency, name, number, s.key
 LIMIT $8

-- systems: what was received for these orders, on their invoices too, by payment system and the payments' own currency. What
-- an order has beyond its payments (a refund of no payment by name, a sum that is only noted) is of their one system, if it
-- is one
WITH sold AS (
    SELECT o.id, o.currency, o.amount_paid, o.amount_refunded
      FROM orders o
      LEFT JOIN offers f ON f.account_id = o.account_id AND f.id = o.offer_id
     WHERE o.account_id = $1 AND o.sales_status = 'completed' AND o.status <> 'void'
       AND coalesce(o.paid_at, o.ordered_at) >= $2 AND coalesce(o.paid_at, o.ordered_at) < $3
       AND (o.livemode OR $4) AND ($5::text IS NULL OR o.currency = $5)
       AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
       AND ($8::uuid IS NULL OR o.offer_id = $8) AND ($9::uuid IS NULL OR f.category_id = $9)
       AND ($10::uuid IS NULL OR (o.manager_id = $10 AND o.sale_kind = 'user' AND o.sale_confirmed_at IS NOT NULL))
       AND ($11::uuid IS NULL OR o.contact_id = $11)
       AND (NOT $13 OR o.sale_confirmed_at IS NOT NULL)
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
 WHERE $12::text IS NULL OR system = $12
 GROUP BY currency, system
 ORDER BY currency, system
 LIMIT $7

-- limit_time: how long the statements of this transaction may take
SELECT set_config('statement_timeout', $1, true)
