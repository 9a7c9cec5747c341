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
