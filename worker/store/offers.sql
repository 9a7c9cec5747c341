-- read: whole offers
SELECT o.id, o.number, o.name, o.category_id, o.unit_price, o.currency, o.several_units, o.partial_payment,
       o.recurring, o."interval", o.archived, c.number AS category_number, c.name AS category_name, o.version,
       o.created_at, o.updated_at
  FROM offers o
  LEFT JOIN offer_categories c ON c.account_id = o.account_id AND c.id = o.category_id
 WHERE o.account_id = $1 AND o.id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, name, category_id, unit_price, currency, several_units, partial_payment, recurring, "interval",
       archived
  FROM offers WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO offers (account_id, id, name, category_id, unit_price, currency, several_units, partial_payment,
        recurring, "interval", archived)
SELECT $1, $2, name, category_id, unit_price, currency, several_units, partial_payment, recurring, "interval",
       archived
  FROM json_populate_record(NULL::offers, $3::text::json)

-- update: all columns of a record that is held
UPDATE offers r SET
    name = g.name, category_id = g.category_id, unit_price = g.unit_price, currency = g.currency,
    several_units = g.several_units, partial_payment = g.partial_payment, recurring = g.recurring,
    "interval" = g."interval", archived = g.archived, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::offers, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- number: the serial number of a new record; the counter row is held only from here to the commit
WITH counted AS (
    INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'offers', 1)
    ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + 1
    RETURNING value
)
UPDATE offers r SET number = counted.value FROM counted WHERE r.account_id = $1 AND r.id = $2

-- to_sell: an offer as an order needs it
SELECT id, name, unit_price, currency, several_units, archived, partial_payment
  FROM offers WHERE account_id = $1 AND id = $2
