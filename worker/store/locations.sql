-- read: whole locations
SELECT id, slug, name, archived, version, created_at, updated_at
  FROM locations WHERE account_id = $1 AND id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, slug, name, archived
  FROM locations WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO locations (account_id, id, slug, name, archived)
SELECT $1, $2, slug, name, archived
  FROM json_populate_record(NULL::locations, $3::text::json)

-- update: all columns of a record that is held
UPDATE locations r SET
    slug = g.slug, name = g.name, archived = g.archived, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::locations, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- exist: which of these are there
SELECT id FROM locations WHERE account_id = $1 AND id = ANY ($2)
