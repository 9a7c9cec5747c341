-- read_levels: what is in each bucket of the given (sku, location)
SELECT l.sku, l.location_id, l.bucket, l.quantity
  FROM unnest($2::text[], $3::uuid[]) AS g (sku, location_id)
  JOIN stock_levels l ON l.account_id = $1 AND l.location_id = g.location_id AND l.sku = g.sku

-- read_movements: whole movements
SELECT id, at, location_id, sku, bucket, quantity, order_id, actor, reason
  FROM stock_movements WHERE account_id = $1 AND id = ANY ($2)
