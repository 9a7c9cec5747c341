-- read: whole categories of offers
SELECT id, number, name, archived, version, created_at, updated_at
  FROM offer_categories WHERE account_id = $1 AND id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, name, archived
  FROM offer_categories WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO offer_categories (account_id, id, name, archived)
SELECT $1, $2, name, archived
  FROM json_populate_record(NULL::offer_categories, $3::text::json)

-- update: all columns of a record that is held
UPDATE offer_categories r SET
    name = g.name, archived = g.archived, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::offer_categories, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- number: the serial number of a new record; the counter row is held only from here to the commit
WITH counted AS (
    INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'offer_categories', 1)
    ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + 1
    RETURNING value
)
UPDATE offer_categories r SET number = counted.value FROM counted WHERE r.account_id = $1 AND r.id = $2
