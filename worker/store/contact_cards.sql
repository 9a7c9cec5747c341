-- listed: contacts as a list shows them: whose each is, how many orders (counted up to a limit), the newest of them. Who
-- sees a contact sees all of its orders
SELECT c.id, c.email, c.name, c.phone, c.anonymous, c.owner_id, t.name AS owner_name, c.created_at, n.orders,
       l.id AS order_id, l.number AS order_number, l.ordered_at
  FROM contacts c
  LEFT JOIN tokens t ON t.account_id = c.account_id AND t.id = c.owner_id
  LEFT JOIN LATERAL (
      SELECT count(*) AS orders FROM (
          SELECT FROM orders o WHERE o.account_id = $1 AND o.contact_id = c.id LIMIT $4) AS counted) n ON true
  LEFT JOIN LATERAL (
      SELECT o.id, o.number, o.ordered_at FROM orders o WHERE o.account_id = $1 AND o.contact_id = c.id
       ORDER BY o.created_at DESC, o.id DESC LIMIT 1) l ON true
 WHERE c.account_id = $1 AND c.id = ANY ($2) AND ($3::uuid IS NULL OR c.owner_id = $3)

-- keys: what a contact is known by at the providers, and the e-mail addresses it ever had
SELECT k.key FROM contact_keys k JOIN contacts c ON c.account_id = k.account_id AND c.id = k.contact_id
 WHERE k.account_id = $1 AND k.contact_id = $2 AND ($3::uuid IS NULL OR c.owner_id = $3)
 ORDER BY k.key LIMIT $4

-- payments: the newest payments of a contact's newest orders
SELECT p.id
  FROM (
      SELECT o.id FROM orders o JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
       WHERE o.account_id = $1 AND o.contact_id = $2 AND ($3::uuid IS NULL OR c.owner_id = $3)
       ORDER BY o.created_at DESC, o.id DESC LIMIT $4) AS newest
  JOIN payments p ON p.account_id = $1 AND p.order_id = newest.id
 ORDER BY p.number DESC NULLS LAST, p.id LIMIT $5
