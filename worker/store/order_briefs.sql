-- read: what a list beside something else tells of an order; its customer as far as the reader sees them
SELECT o.id, o.number, o.title, o.type, o.status, o.payment_status, o.sales_status, o.livemode, o.currency, o.amount,
       o.amount_paid, o.amount_refunded, o.ordered_at, f.name AS offer_name, o.contact_id,
       c.id IS NOT NULL AS contact_seen, c.name AS contact_name, c.email AS contact_email, c.anonymous
  FROM orders o
  LEFT JOIN offers f ON f.account_id = o.account_id AND f.id = o.offer_id
  LEFT JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id AND ($3::uuid IS NULL OR c.owner_id = $3)
 WHERE o.account_id = $1 AND o.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))

-- payments: payments as such a list tells of them, with the number of their order
SELECT p.id, p.number, p.order_id, o.number AS order_number, p.status, p.amount, p.currency, p.refunded, p.system,
       p.failure_code, p.failure_reason, p.dispute, p.attempted_at, p.paid_at
  FROM payments p
  LEFT JOIN orders o ON o.account_id = p.account_id AND o.id = p.order_id
 WHERE p.account_id = $1 AND p.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = p.order_id AND $3 = ANY (w.owners)))
