-- read_payments: payments, each with the amount of its order
SELECT p.id, p.number, p.key, p.dossier_id, p.order_id, p.status, p.amount, p.currency, p.counted, p.fee, p.net, p.system,
       p.merchant, p.method, p.one_click, p.failure_code, p.failure_reason, p.comment, p.attempted_at, p.paid_at,
       p.refunded, p.dispute, p.flag, o.amount AS order_amount
  FROM payments p
  LEFT JOIN orders o ON o.account_id = p.account_id AND o.id = p.order_id
 WHERE p.account_id = $1 AND p.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = p.account_id AND w.order_id = p.order_id AND $3 = ANY (w.owners)))
