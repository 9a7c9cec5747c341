-- by_id: what has this id, as far as the reader sees it; the id of an order that was merged leads to the one that remains
SELECT 'order' AS kind, o.id FROM orders o
 WHERE o.account_id = $1
   AND o.id IN ($2, (SELECT g.into_order_id FROM order_merges g WHERE g.account_id = $1 AND g.order_id = $2))
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))
UNION ALL
SELECT 'payment', p.id FROM payments p
 WHERE p.account_id = $1 AND p.id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = p.order_id AND $3 = ANY (w.owners)))
UNION ALL
SELECT 'customer', c.id FROM contacts c
 WHERE c.account_id = $1 AND c.id = $2 AND ($3::uuid IS NULL OR c.owner_id = $3)
UNION ALL
SELECT 'deal', d.id FROM deals d
 WHERE d.account_id = $1 AND d.id = $2 AND ($3::uuid IS NULL OR d.owner_id = $3)
UNION ALL
SELECT 'recurring order', r.id FROM recurring_orders r
 WHERE r.account_id = $1 AND r.id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = r.contact_id AND c.owner_id = $3))
UNION ALL
SELECT 'checkout', k.id FROM checkouts k
 WHERE k.account_id = $1 AND k.id = $2
   AND ($3::uuid IS NULL
        OR EXISTS (SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = k.contact_id AND c.owner_id = $3)
        OR EXISTS (
            SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = k.order_id AND $3 = ANY (w.owners)))

-- by_number: the order, or the payment, of this number
SELECT 'order' AS kind, o.id FROM orders o
 WHERE $4 = 'order' AND o.account_id = $1 AND o.number = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))
UNION ALL
SELECT 'payment', p.id FROM payments p
 WHERE $4 = 'payment' AND p.account_id = $1 AND p.number = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = p.order_id AND $3 = ANY (w.owners)))

-- connections: the names that ids of senders stand behind
SELECT id, name FROM connections WHERE account_id = $1 ORDER BY name, id LIMIT 200

-- by_external_id: what is called so elsewhere. A payment, an order by any id that its sale is known by, a customer. $3 are the
-- keys that the text may be, each behind the name of its sender; a few of each kind
(SELECT 'payment' AS kind, p.id FROM payments p
  WHERE p.account_id = $1 AND p.key = ANY ($3)
    AND ($4::uuid IS NULL OR EXISTS (
        SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = p.order_id AND $4 = ANY (w.owners)))
  LIMIT 3)
UNION ALL
(SELECT 'order', o.id FROM orders o
  WHERE o.account_id = $1
    AND o.id IN (
        SELECT e.id FROM orders e WHERE e.account_id = $1 AND e.external_id = $2
        UNION SELECT n.id FROM orders n WHERE n.account_id = $1 AND lower(n.external_number) = lower($2)
        UNION SELECT l.dossier_id FROM links l WHERE l.account_id = $1 AND l.key = ANY ($3)
          AND NOT EXISTS (SELECT FROM payments p WHERE p.account_id = $1 AND p.key = ANY ($3)))
    AND ($4::uuid IS NULL OR EXISTS (
        SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $4 = ANY (w.owners)))
  LIMIT 3)
UNION ALL
(SELECT DISTINCT 'customer', c.id FROM contact_keys k JOIN contacts c ON c.account_id = $1 AND c.id = k.contact_id
  WHERE k.account_id = $1 AND k.key = ANY ($3) AND ($4::uuid IS NULL OR c.owner_id = $4)
  LIMIT 3)

-- event: the event of this id, or of this delivery id; a few where senders used one twice
SELECT 'event' AS kind, e.id FROM events e
 WHERE e.account_id = $1
   AND (e.id = $2::uuid OR (e.connection_id = ANY ($3) AND e.delivery_id = $4))
   AND ($5::uuid IS NULL OR EXISTS (
       SELECT FROM events_with_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND $5 = ANY (w.owners)))
 LIMIT 3
