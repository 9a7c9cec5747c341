-- read_contacts: whole contacts, as far as their reader sees them
SELECT id, email, name, phone, owner_id, anonymous, version, created_at, updated_at
  FROM contacts WHERE account_id = $1 AND id = ANY ($2) AND ($3::uuid IS NULL OR owner_id = $3)

-- contact_totals: what a contact has ordered, paid and got back, by currency; an invoice or a shipment of another order
-- tells of that order and is not counted beside it
SELECT o.currency, count(*) AS orders, sum(o.amount)::numeric AS amount, sum(o.amount_paid)::numeric AS paid,
       sum(o.amount_refunded)::numeric AS refunded
  FROM orders o
 WHERE o.account_id = $1 AND o.contact_id = $2 AND o.livemode AND o.status <> 'void'
   AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND $3 = ANY (w.owners)))
 GROUP BY o.currency
 ORDER BY o.currency
