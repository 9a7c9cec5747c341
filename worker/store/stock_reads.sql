-- read_levels: what is in each bucket of the given (sku, location)
SELECT l.sku, l.location_id, l.bucket, l.quantity
  FROM unnest($2::text[], $3::uuid[]) AS g (sku, location_id)
  JOIN stock_levels l ON l.account_id = $1 AND l.location_id = g.location_id AND l.sku = g.sku

-- read_movements: whole movements; the order as far as its reader sees it, or the one that it was merged into
SELECT id, at, location_id, sku, bucket, quantity,
       CASE WHEN $3::uuid IS NULL OR EXISTS (
           SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND $3 = ANY (w.owners) AND w.order_id = COALESCE(
               (SELECT g.into_order_id FROM order_merges g WHERE g.account_id = $1 AND g.order_id = m.order_id),
               m.order_id)) THEN order_id END AS order_id, actor, reason
  FROM stock_movements m WHERE account_id = $1 AND id = ANY ($2)
