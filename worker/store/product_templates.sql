-- read: whole product templates
SELECT id, slug, name, columns, archived, version, created_at, updated_at
  FROM product_templates WHERE account_id = $1 AND id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, slug, name, columns, archived
  FROM product_templates WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO product_templates (account_id, id, slug, name, columns, archived)
SELECT $1, $2, slug, name, columns, archived
  FROM json_populate_record(NULL::product_templates, $3::text::json)

-- update: all columns of a record that is held
UPDATE product_templates r SET
    slug = g.slug, name = g.name, columns = g.columns, archived = g.archived, version = r.version + 1,
    updated_at = now()
  FROM json_populate_record(NULL::product_templates, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- of_slug: the template of a slug, and its columns
SELECT id, columns, archived FROM product_templates WHERE account_id = $1 AND slug = $2

-- columns_of: the columns of a template
SELECT columns FROM product_templates WHERE account_id = $1 AND id = $2
