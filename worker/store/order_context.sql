-- names: what the ids on an order mean to people, as far as their reader sees them; a product is the whole account's
SELECT 'contact' AS noun, id, coalesce(nullif(name, ''), email, 'Guest') AS name FROM contacts
 WHERE account_id = $1 AND id = ANY ($2) AND ($3::uuid IS NULL OR owner_id = $3)
UNION ALL
SELECT 'deal', id, title FROM deals
 WHERE account_id = $1 AND id = ANY ($2) AND ($3::uuid IS NULL OR owner_id = $3)
UNION ALL
SELECT 'person', id, name FROM tokens WHERE account_id = $1 AND id = ANY ($2)
UNION ALL
SELECT 'offer', id, '#' || number || ' ' || name FROM offers WHERE account_id = $1 AND id = ANY ($2)
UNION ALL
SELECT 'location', id, name FROM locations WHERE account_id = $1 AND id = ANY ($2)

-- people: who may own an order or be in charge of its sale, by name
SELECT id, name FROM tokens WHERE account_id = $1 AND revoked_at IS NULL ORDER BY lower(name), id LIMIT 500

-- recurring_order: the recurring order within which an order was made, as far as its reader sees it
SELECT r.id, r.title
  FROM orders o JOIN recurring_orders r ON r.account_id = o.account_id AND r.id = o.recurring_order_id
 WHERE o.account_id = $1 AND o.id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM contacts c WHERE c.account_id = r.account_id AND c.id = r.contact_id AND c.owner_id = $3))

-- relatives: the parent of an order and the children made from it, oldest first, as far as their reader sees them
SELECT o.id, o.number, o.title, o.type, o.status, o.payment_status, o.amount, o.currency, o.livemode
  FROM orders o
 WHERE o.account_id = $1 AND (o.id = $3 OR o.parent_id = $2)
   AND ($4::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND $4 = ANY (w.owners)))
 ORDER BY o.created_at, o.id
 LIMIT 201

-- merged_numbers: the orders that turned out to be this one
SELECT order_id, number FROM order_merges WHERE account_id = $1 AND into_order_id = $2 ORDER BY number LIMIT 20

-- unsettled_events: the newest events of an order that are not applied
SELECT e.id, c.name AS connection, e.topic, s.state, s.reason, s.attempts, s.next_attempt_at, e.received_at
  FROM event_states s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE s.account_id = $1 AND s.dossier_id = $2 AND s.state IN ('waiting', 'retrying', 'dead')
 ORDER BY s.event_id DESC
 LIMIT 11
