-- begin: one import of an account at a time, and statements that may take long; false where one is under way
SELECT pg_try_advisory_xact_lock(hashtextextended('seeds/' || $1::text, 0)) AS begun,
       set_config('statement_timeout', '0', true), set_config('lock_timeout', '60s', true)

-- find: what entries of these keys made
SELECT key, object_id, digest FROM seeds WHERE account_id = $1 AND object_type = $2 AND key = ANY ($3)

-- add: what entries made
INSERT INTO seeds (account_id, object_type, key, object_id, digest)
SELECT $1, $2, key, object_id, digest FROM unnest($3::text[], $4::uuid[], $5::bytea[]) AS g (key, object_id, digest)
 ORDER BY key
ON CONFLICT (account_id, object_type, key) DO UPDATE SET digest = excluded.digest

-- merge: what was made and turned out to be another
UPDATE seeds s SET object_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE s.account_id = $1 AND s.object_id = ANY ($2) AND s.object_id = g.source

-- contacts_by_id: the contacts of these ids
SELECT id::text AS value, id AS found FROM contacts WHERE account_id = $1 AND id = ANY ($2::text[]::uuid[])

-- contacts_by_identifier: the contacts that are known by these
SELECT g.value, k.contact_id AS found
  FROM unnest($2::text[]) AS g (value)
  JOIN contact_keys k ON k.account_id = $1 AND k.key IN (g.value, 'email:' || lower(g.value), 'import:' || g.value)

-- contacts_by_name: the contacts of these names
SELECT name AS value, id AS found FROM contacts WHERE account_id = $1 AND name = ANY ($2::text[])

-- contacts_by_phone: the contacts of these phone numbers
SELECT phone AS value, id AS found FROM contacts WHERE account_id = $1 AND phone = ANY ($2::text[])

-- deals_by_id: the deals of these ids
SELECT id::text AS value, id AS found FROM deals WHERE account_id = $1 AND id = ANY ($2::text[]::uuid[])

-- deals_by_title: the deals of these titles
SELECT title AS value, id AS found FROM deals WHERE account_id = $1 AND title = ANY ($2::text[])

-- locations_by_id: the locations of these ids
SELECT id::text AS value, id AS found FROM locations WHERE account_id = $1 AND id = ANY ($2::text[]::uuid[])

-- locations_by_slug: the locations of these slugs
SELECT slug AS value, id AS found FROM locations WHERE account_id = $1 AND slug = ANY ($2::text[])

-- locations_by_name: the locations of these names
SELECT name AS value, id AS found FROM locations WHERE account_id = $1 AND name = ANY ($2::text[])

-- products_by_sku: the products of these skus
SELECT sku AS value, id AS found FROM products WHERE account_id = $1 AND sku = ANY ($2::text[])

-- products_by_name: the products of these names
SELECT name AS value, id AS found FROM products WHERE account_id = $1 AND name = ANY ($2::text[])

-- product_templates_by_slug: the product templates of these slugs
SELECT slug AS value, id AS found FROM product_templates WHERE account_id = $1 AND slug = ANY ($2::text[])

-- product_templates_by_name: the product templates of these names
SELECT name AS value, id AS found FROM product_templates WHERE account_id = $1 AND name = ANY ($2::text[])

-- price_lists_by_slug: the price lists of these slugs
SELECT slug AS value, id AS found FROM price_lists WHERE account_id = $1 AND slug = ANY ($2::text[])

-- price_lists_by_name: the price lists of these names
SELECT name AS value, id AS found FROM price_lists WHERE account_id = $1 AND name = ANY ($2::text[])

-- offers_by_id: the offers of these ids
SELECT id::text AS value, id AS found FROM offers WHERE account_id = $1 AND id = ANY ($2::text[]::uuid[])

-- offers_by_name: the offers of these names
SELECT name AS value, id AS found FROM offers WHERE account_id = $1 AND name = ANY ($2::text[])

-- offer_categories_by_name: the categories of these names
SELECT name AS value, id AS found FROM offer_categories WHERE account_id = $1 AND name = ANY ($2::text[])

-- orders_by_id: the orders of these ids
SELECT id::text AS value, id AS found FROM orders WHERE account_id = $1 AND id = ANY ($2::text[]::uuid[])

-- orders_by_external_id: the orders of these external ids, whoever made them
SELECT external_id AS value, id AS found FROM orders WHERE account_id = $1 AND external_id = ANY ($2::text[])

-- orders_by_slug: the orders of these slugs
SELECT slug AS value, id AS found FROM orders WHERE account_id = $1 AND slug = ANY ($2::text[])

-- tokens_by_name: the tokens of these names that are good
SELECT name AS value, id AS found
  FROM tokens WHERE account_id = $1 AND name = ANY ($2::text[]) AND revoked_at IS NULL

-- skus_of: the skus of products
SELECT id, sku AS name FROM products WHERE account_id = $1 AND id = ANY ($2)

-- product_template_slugs_of: the slugs of product templates
SELECT id, slug AS name FROM product_templates WHERE account_id = $1 AND id = ANY ($2)

-- price_list_slugs_of: the slugs of price lists
SELECT id, slug AS name FROM price_lists WHERE account_id = $1 AND id = ANY ($2)

-- known_orders: the orders that an origin made under external ids, or that have these types and slugs
SELECT origin, external_id, type, slug, id FROM orders
 WHERE account_id = $1 AND external_id = ANY ($2::text[])
 UNION ALL
SELECT origin, external_id, type, slug, id FROM orders
 WHERE account_id = $1 AND (type, slug) IN (SELECT * FROM unnest($3::text[], $4::text[]))

-- dump_locations: every location
SELECT slug, name, archived FROM locations WHERE account_id = $1 ORDER BY slug

-- dump_product_templates: every product template
SELECT slug, name, columns, archived FROM product_templates WHERE account_id = $1 ORDER BY slug

-- dump_products: every product
SELECT p.sku, p.name, p.kind, p.unit_price, p.currency, p.tax_rate, t.slug AS product_template, p.attributes, p.tracked,
       p.archived
  FROM products p
  LEFT JOIN product_templates t ON t.account_id = p.account_id AND t.id = p.product_template_id
 WHERE p.account_id = $1 ORDER BY p.sku

-- dump_price_lists: every price list, without its prices
SELECT id, slug, name, currency, archived FROM price_lists WHERE account_id = $1 ORDER BY slug

-- dump_offers: every offer
SELECT o.id, o.name, c.name AS category, o.unit_price, o.currency, o.several_units, o.partial_payment, o.recurring,
       o."interval", o.archived
  FROM offers o
  LEFT JOIN offer_categories c ON c.account_id = o.account_id AND c.id = o.category_id
 WHERE o.account_id = $1 ORDER BY o.number

-- dump_contacts: every contact, with what it is known by
SELECT c.id, c.email, c.name, c.phone, c.anonymous, c.stated_at, t.name AS owner,
       ARRAY(SELECT k.key FROM contact_keys k WHERE k.account_id = c.account_id AND k.contact_id = c.id ORDER BY k.key)
           AS identifiers
  FROM contacts c
  LEFT JOIN tokens t ON t.account_id = c.account_id AND t.id = c.owner_id
 WHERE c.account_id = $1 ORDER BY c.created_at, c.id

-- dump_deals: every deal
SELECT d.id, d.title, d.contact_id, c.email AS contact_email, t.name AS owner, d.status, d.amount, d.currency
  FROM deals d
  LEFT JOIN contacts c ON c.account_id = d.account_id AND c.id = d.contact_id
  LEFT JOIN tokens t ON t.account_id = d.account_id AND t.id = d.owner_id
 WHERE d.account_id = $1 ORDER BY d.created_at, d.id

-- dump_orders: every order with all that was stated of it
SELECT o.id, o.slug, o.template, o.origin, o.external_id, o.contact_id, c.email AS contact_email, o.parent_id, o.deal_id,
       o.owner_id, o.manager_id, o.offer_id, o.location_id, o.destination_location_id, d.content
  FROM orders o
  JOIN dossiers d ON d.account_id = o.account_id AND d.id = o.id
  JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
 WHERE o.account_id = $1 ORDER BY o.number

-- dump_tokens: the names of people and programs
SELECT id, name FROM tokens WHERE account_id = $1

-- dump_location_slugs: how locations are referred to
SELECT id, slug FROM locations WHERE account_id = $1

-- count: how many entries a whole export has, built-in templates aside
SELECT (SELECT count(*) FROM locations WHERE account_id = $1) + (SELECT count(*) FROM contacts WHERE account_id = $1)
     + (SELECT count(*) FROM deals WHERE account_id = $1) + (SELECT count(*) FROM product_templates WHERE account_id = $1)
     + (SELECT count(*) FROM products WHERE account_id = $1) + (SELECT count(*) FROM price_lists WHERE account_id = $1)
     + (SELECT count(*) FROM order_templates WHERE account_id = $1) + (SELECT count(*) FROM offers WHERE account_id = $1)
     + (SELECT count(*) FROM orders WHERE account_id = $1)
