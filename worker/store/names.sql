-- people: who may own or manage something, by name; one that is chosen already is among them, whether it stands or not
SELECT id, name FROM tokens
 WHERE account_id = $1 AND (revoked_at IS NULL OR id = $2)
 ORDER BY id = $2 DESC NULLS LAST, name, id LIMIT $3

-- people_of: the names of these people
SELECT id, name FROM tokens WHERE account_id = $1 AND id = ANY ($2)

-- offers: what is sold, newest first; one that is chosen already is among them
(SELECT id, name, number FROM offers WHERE account_id = $1 AND id = $2)
UNION ALL
(SELECT id, name, number FROM offers
  WHERE account_id = $1 AND NOT archived AND id IS DISTINCT FROM $2 ORDER BY created_at DESC, id DESC LIMIT $3)

-- categories: the categories of what is sold, newest first; one that is chosen already is among them
(SELECT id, name, number FROM offer_categories WHERE account_id = $1 AND id = $2)
UNION ALL
(SELECT id, name, number FROM offer_categories
  WHERE account_id = $1 AND NOT archived AND id IS DISTINCT FROM $2 ORDER BY created_at DESC, id DESC LIMIT $3)
