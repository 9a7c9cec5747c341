-- add_deal: make a deal
INSERT INTO deals (account_id, id, title, contact_id, owner_id, status, amount, currency)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- read_deals: whole deals, as far as their reader sees them
SELECT id, title, contact_id, owner_id, status, amount, currency, version, created_at, updated_at
  FROM deals WHERE account_id = $1 AND id = ANY ($2) AND ($3::uuid IS NULL OR owner_id = $3)

-- hold_deal: one deal, as far as its reader sees it, held until the end of the transaction
SELECT id, title, contact_id, owner_id, status, amount, currency, version
  FROM deals WHERE account_id = $1 AND id = $2 AND ($3::uuid IS NULL OR owner_id = $3)
   FOR NO KEY UPDATE

-- save_deal: a deal that was held, changed
UPDATE deals
   SET title = $3, contact_id = $4, owner_id = $5, status = $6, amount = $7, currency = $8, version = version + 1,
       updated_at = now()
 WHERE account_id = $1 AND id = $2

-- deal_names: whose deals are and who the customers are, as far as the reader sees them
SELECT d.id, t.name AS owner_name, c.id IS NOT NULL AS contact_seen, c.name AS contact_name, c.email AS contact_email,
       c.phone AS contact_phone
  FROM deals d
  LEFT JOIN tokens t ON t.account_id = d.account_id AND t.id = d.owner_id
  LEFT JOIN LATERAL (
       -- OFFSET 0: by the deal's contact, never by all that the owner has
       SELECT k.id, k.name, k.email, k.phone, k.owner_id FROM contacts k
        WHERE k.account_id = d.account_id AND k.id = d.contact_id OFFSET 0
       ) AS c ON $3::uuid IS NULL OR c.owner_id = $3
 WHERE d.account_id = $1 AND d.id = ANY ($2) AND ($3::uuid IS NULL OR d.owner_id = $3)

-- deal_totals: what the orders of a deal came to, by currency; an invoice or a shipment of another order tells of that
-- order and is not counted beside it
SELECT o.currency, count(*) AS orders, sum(o.amount)::numeric AS amount, sum(o.amount_paid)::numeric AS paid,
       sum(o.amount_refunded)::numeric AS refunded
  FROM orders o
 WHERE o.account_id = $1 AND o.deal_id = $2 AND o.livemode AND o.status <> 'void'
   AND NOT (o.parent_id IS NOT NULL AND o.type IN ('invoice', 'shipping'))
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND $3 = ANY (w.owners)))
 GROUP BY o.currency
 ORDER BY o.currency
