-- read: whole price lists, without their entries
SELECT id, slug, name, currency, archived, version, created_at, updated_at
  FROM price_lists WHERE account_id = $1 AND id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, slug, name, currency, archived
  FROM price_lists WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO price_lists (account_id, id, slug, name, currency, archived)
SELECT $1, $2, slug, name, currency, archived
  FROM json_populate_record(NULL::price_lists, $3::text::json)

-- update: all columns of a record that is held
UPDATE price_lists r SET
    slug = g.slug, name = g.name, currency = g.currency, archived = g.archived, version = r.version + 1,
    updated_at = now()
  FROM json_populate_record(NULL::price_lists, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- entries: every price of a list
SELECT sku, unit_price, from_quantity FROM price_list_entries
 WHERE account_id = $1 AND price_list_id = $2 ORDER BY sku, from_quantity

-- to_sell: the price list of a slug with its prices for these skus, as they are at one moment
SELECT l.currency, l.archived, e.sku, e.unit_price, e.from_quantity
  FROM price_lists l
  LEFT JOIN price_list_entries e ON e.account_id = l.account_id AND e.price_list_id = l.id AND e.sku = ANY ($3)
 WHERE l.account_id = $1 AND l.slug = $2

-- forget_entries: every price of a list that is written anew
DELETE FROM price_list_entries WHERE account_id = $1 AND price_list_id = $2

-- add_entries: prices of a list
INSERT INTO price_list_entries (account_id, price_list_id, sku, from_quantity, unit_price)
SELECT $1, $2, sku, from_quantity, unit_price
  FROM json_populate_recordset(NULL::price_list_entries, $3::text::json) ORDER BY sku, from_quantity
