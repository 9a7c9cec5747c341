-- read: whole single units of products; the contact and the order as far as their reader sees them
SELECT u.id, u.product_id, u.serial_number, c.id AS contact_id, u.location_id, o.id AS order_id,
       CASE WHEN o.id IS NOT NULL THEN u.order_item_id END AS order_item_id, u.attributes, u.archived, u.version,
       u.created_at, u.updated_at
  FROM units u
  LEFT JOIN contacts c ON c.account_id = $1 AND c.id = u.contact_id AND ($3::uuid IS NULL OR c.owner_id = $3)
  LEFT JOIN orders o ON o.account_id = $1 AND o.id = u.order_id
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))
 WHERE u.account_id = $1 AND u.id = ANY ($2)

-- hold: one record, until the end of the transaction
SELECT version, product_id, serial_number, contact_id, location_id, order_id, order_item_id, attributes, archived
  FROM units WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE

-- insert: a new record
INSERT INTO units (account_id, id, product_id, serial_number, contact_id, location_id, order_id, order_item_id,
        attributes, archived)
SELECT $1, $2, product_id, serial_number, contact_id, location_id, order_id, order_item_id, attributes, archived
  FROM json_populate_record(NULL::units, $3::text::json)

-- update: all columns of a record that is held
UPDATE units r SET
    product_id = g.product_id, serial_number = g.serial_number, contact_id = g.contact_id,
    location_id = g.location_id, order_id = g.order_id, order_item_id = g.order_item_id, attributes = g.attributes,
    archived = g.archived, version = r.version + 1, updated_at = now()
  FROM json_populate_record(NULL::units, $3::text::json) g
 WHERE r.account_id = $1 AND r.id = $2

-- sku_of_line: the sku of a line of an order
SELECT sku FROM order_items WHERE account_id = $1 AND order_id = $2 AND id = $3

-- sku_of_product: the sku of a product
SELECT sku FROM products WHERE account_id = $1 AND id = $2
