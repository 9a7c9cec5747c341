-- read: whole products
SELECT p.id, p.sku, p.name, p.kind, p.unit_price, p.currency, p.tax_rate, p.attributes, p.tracked, p.archived,
       t.slug AS product_template, p.version, p.created_at, p.updated_at
  FROM products p
  LEFT JOIN product_templates t ON t.account_id = p.account_id AND t.id = p.product_template_id
 WHERE p.account_id = $1 AND p.id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, sku, name, kind, unit_price, currency, tax_rate, product_template_id, attributes, tracked, archived
  FROM products WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO products (account_id, id, sku, name, kind, unit_price, currency, tax_rate, product_template_id,
        attributes, tracked, archived)
SELECT $1, $2, sku, name, kind, unit_price, currency, tax_rate, product_template_id, attributes, tracked, archived
  FROM json_populate_record(NULL::products, $3::text::json)

-- update: all columns of a record that is held
UPDATE products r SET
    sku = g.sku, name = g.name, kind = g.kind, unit_price = g.unit_price, currency = g.currency,
    tax_rate = g.tax_rate, product_template_id = g.product_template_id, attributes = g.attributes,
    tracked = g.tracked, archived = g.archived, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::products, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- of_skus: what is sold under these skus
SELECT sku, name, kind, unit_price, currency, tax_rate, attributes, archived
  FROM products WHERE account_id = $1 AND sku = ANY ($2)

-- templates_of_skus: the product template of each sku that has one, with the product's attributes as they are now
SELECT p.sku, p.attributes, t.id, t.slug, t.name, t.columns
  FROM products p JOIN product_templates t ON t.account_id = p.account_id AND t.id = p.product_template_id
 WHERE p.account_id = $1 AND p.sku = ANY ($2)

-- is_tracked: whether each unit of a product has a record of its own
SELECT tracked FROM products WHERE account_id = $1 AND id = $2
