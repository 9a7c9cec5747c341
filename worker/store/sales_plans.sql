-- add: a plan
INSERT INTO sales_plans (account_id, id, contact_id, offer_id, manager_id, note, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- read: plans of a contact, each with the names of its manager and its offer
SELECT s.id, s.contact_id, s.offer_id, f.name AS offer_name, s.manager_id, t.name AS manager_name, s.note, s.created_at
  FROM sales_plans s
  JOIN tokens t ON t.account_id = s.account_id AND t.id = s.manager_id
  LEFT JOIN offers f ON f.account_id = s.account_id AND f.id = s.offer_id
 WHERE s.account_id = $1 AND s.id = ANY ($2)

-- manager_of: whose plan it is, of those of a contact
SELECT manager_id FROM sales_plans WHERE account_id = $1 AND contact_id = $2 AND id = $3 FOR UPDATE

-- forget: take a plan back
DELETE FROM sales_plans WHERE account_id = $1 AND id = $2

-- sale: whose an order is, and what it sells
SELECT contact_id, offer_id FROM orders WHERE account_id = $1 AND id = $2

-- newest: the newest plan of a contact for an offer, and the newest that names no offer
(SELECT id, contact_id, offer_id, manager_id, created_at FROM sales_plans
  WHERE account_id = $1 AND contact_id = $2 AND offer_id = $3 ORDER BY created_at DESC, id DESC LIMIT 1)
UNION ALL
(SELECT id, contact_id, offer_id, manager_id, created_at FROM sales_plans
  WHERE account_id = $1 AND contact_id = $2 AND offer_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 1)
