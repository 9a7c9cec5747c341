-- find_keys: the contact of each known key
SELECT key, contact_id FROM contact_keys WHERE account_id = $1 AND key = ANY ($2)

-- lock_contacts: load contacts and hold them until the end of the transaction
SELECT id, email, name, phone, anonymous, stated_at, owner_id
  FROM contacts WHERE account_id = $1 AND id = ANY ($2) ORDER BY id
   FOR NO KEY UPDATE

-- save_contacts: write contacts, new or changed
INSERT INTO contacts (account_id, id, email, name, phone, anonymous, stated_at, owner_id)
SELECT $1, id, email, name, phone, anonymous, stated_at, owner_id
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::jsonb[], $8::uuid[])
    AS g (id, email, name, phone, anonymous, stated_at, owner_id)
 ORDER BY id
ON CONFLICT (account_id, id) DO UPDATE
   SET email = excluded.email, name = excluded.name, phone = excluded.phone, anonymous = excluded.anonymous,
       stated_at = excluded.stated_at, owner_id = excluded.owner_id, version = contacts.version + 1, updated_at = now()

-- add_keys: keys that no contact has yet; a key that another transaction adds at this moment is waited for
INSERT INTO contact_keys (account_id, key, contact_id)
SELECT $1, key, contact_id FROM unnest($2::text[], $3::uuid[]) AS g (key, contact_id) ORDER BY key
ON CONFLICT (account_id, key) DO NOTHING
RETURNING key

-- merge_keys: all keys of contacts that turned out to be another
UPDATE contact_keys k SET contact_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE k.account_id = $1 AND k.contact_id = g.source

-- merge_deals: all deals of contacts that turned out to be another
UPDATE deals d SET contact_id = g.target, version = d.version + 1, updated_at = now()
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE d.account_id = $1 AND d.contact_id = ANY ($2) AND d.contact_id = g.source

-- merge_orders: all orders of contacts that turned out to be another
UPDATE orders o SET contact_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE o.account_id = $1 AND o.contact_id = g.source

-- merge_units: all units of contacts that turned out to be another
UPDATE units u SET contact_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE u.account_id = $1 AND u.contact_id = ANY ($2) AND u.contact_id = g.source

-- merge_sales_plans: all sales plans of contacts that turned out to be another
UPDATE sales_plans s SET contact_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE s.account_id = $1 AND s.contact_id = ANY ($2) AND s.contact_id = g.source

-- merge_recurring_orders: all recurring orders of contacts that turned out to be another
UPDATE recurring_orders r SET contact_id = g.target, version = r.version + 1, updated_at = now()
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE r.account_id = $1 AND r.contact_id = ANY ($2) AND r.contact_id = g.source

-- merge_checkouts: all checkouts of contacts that turned out to be another. One that is being opened is not waited for: who
-- opens it may wait for us. Its reference then refuses delete_contacts, and the work is done again a moment later
WITH free AS (
    SELECT id FROM checkouts WHERE account_id = $1 AND contact_id = ANY ($2)
     ORDER BY contact_id, id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE checkouts k SET contact_id = g.target
  FROM free, unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE k.account_id = $1 AND k.contact_id = ANY ($2) AND k.id = free.id AND k.contact_id = g.source

-- delete_contacts: contacts that turned out to be another
DELETE FROM contacts WHERE account_id = $1 AND id = ANY ($2)
