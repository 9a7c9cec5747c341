-- lock_refs: hold the given names of orders until the end of the transaction, so that the order of a name and a
-- reference to it cannot be made side by side without seeing each other
SELECT pg_advisory_xact_lock(hashtextextended(name, 0))
  FROM (SELECT DISTINCT $1::text || '/' || name AS name FROM unnest($2::text[]) AS g (name) ORDER BY 1) AS sorted

-- find_links: the dossier of each known key
SELECT key, dossier_id FROM links WHERE account_id = $1 AND key = ANY ($2)

-- add_links: keys that nobody linked yet; a key that another transaction links at this moment is waited for
INSERT INTO links (account_id, key, dossier_id)
SELECT $1, key, dossier_id FROM unnest($2::text[], $3::uuid[]) AS g (key, dossier_id) ORDER BY key
ON CONFLICT (account_id, key) DO NOTHING
RETURNING key

-- move_links: keys that belong to another dossier than was thought, or whose dossier was merged
UPDATE links l SET dossier_id = g.dossier_id
  FROM (SELECT key, dossier_id FROM unnest($2::text[], $3::uuid[]) AS u (key, dossier_id) ORDER BY key) AS g
 WHERE l.account_id = $1 AND l.key = g.key

-- merge_links: all keys of dossiers that were merged
UPDATE links l SET dossier_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE l.account_id = $1 AND l.dossier_id = g.source

-- named_orders: the orders that the given texts name by id, or by external id where Stripe did not make them
SELECT id, external_id FROM orders
 WHERE account_id = $1 AND (id = ANY ($2) OR (external_id = ANY ($3) AND source <> 'payments'))
 ORDER BY created_at, id

-- merged_orders: where orders went that were merged
SELECT order_id, into_order_id FROM order_merges WHERE account_id = $1 AND order_id = ANY ($2)

-- find_refs: the dossiers that mention one of the given names
SELECT ref, dossier_id FROM refs WHERE account_id = $1 AND ref = ANY ($2) ORDER BY ref, dossier_id

-- add_refs: remember which names a dossier mentions
INSERT INTO refs (account_id, ref, dossier_id)
SELECT $1, ref, dossier_id FROM unnest($2::text[], $3::uuid[]) AS g (ref, dossier_id) ORDER BY ref, dossier_id
ON CONFLICT DO NOTHING

-- merge_refs: names mentioned by a merged dossier are mentioned by the one that remains
WITH moved AS (
    DELETE FROM refs r USING unnest($2::uuid[], $3::uuid[]) AS g (source, target)
     WHERE r.account_id = $1 AND r.dossier_id = g.source
    RETURNING r.ref, g.target
)
INSERT INTO refs (account_id, ref, dossier_id) SELECT $1, ref, target FROM moved ORDER BY ref, target ON CONFLICT DO NOTHING

-- lock_dossiers: load dossiers and hold them until the end of the transaction
SELECT id, content FROM dossiers WHERE account_id = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE

-- save_dossiers: write dossiers, new or changed
INSERT INTO dossiers (account_id, id, content)
SELECT $1, id, content FROM unnest($2::uuid[], $3::bytea[]) AS g (id, content) ORDER BY id
ON CONFLICT (account_id, id) DO UPDATE SET content = excluded.content

-- delete_dossiers: dossiers that were merged into another
DELETE FROM dossiers WHERE account_id = $1 AND id = ANY ($2)
