-- get_template: an account's own template
SELECT id, slug, name, type, title, slug_pattern, children, price_list, moves_stock, version, created_at, updated_at
  FROM order_templates WHERE account_id = $1 AND slug = $2

-- hold_template: an account's own template, held until the end of the transaction
SELECT id, slug, name, type, title, slug_pattern, children, price_list, moves_stock, version, created_at, updated_at
  FROM order_templates WHERE account_id = $1 AND slug = $2 FOR UPDATE

-- add_template: a template of a slug that is not taken
INSERT INTO order_templates (account_id, id, slug, name, type, title, slug_pattern, children, price_list, moves_stock)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (account_id, slug) DO NOTHING
RETURNING true

-- list_templates: all of an account's own templates
SELECT id, slug, name, type, title, slug_pattern, children, price_list, moves_stock, version, created_at, updated_at
  FROM order_templates WHERE account_id = $1 ORDER BY slug

-- put_template: make a template, or change the one of this slug
INSERT INTO order_templates (account_id, id, slug, name, type, title, slug_pattern, children, price_list, moves_stock)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (account_id, slug) DO UPDATE
   SET name = excluded.name, title = excluded.title, slug_pattern = excluded.slug_pattern, children = excluded.children,
       price_list = excluded.price_list, moves_stock = excluded.moves_stock, version = order_templates.version + 1,
       updated_at = now()

-- delete_template: a template goes; orders that were made from it keep its slug
DELETE FROM order_templates WHERE account_id = $1 AND slug = $2 RETURNING true

-- next_number: the serial number of the next order of a template; held until the end of the transaction
INSERT INTO counters AS c (account_id, name, value) VALUES ($1, 'template:' || $2::text, 1)
ON CONFLICT (account_id, name) DO UPDATE SET value = c.value + 1
RETURNING value
