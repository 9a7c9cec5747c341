-- funnel: what became of the orders whose checkouts were opened in a time, by period, currency and reason of failure
WITH opened AS (
    SELECT date_trunc($5, o.ordered_at AT TIME ZONE $4)::date AS period, o.id, o.currency, o.amount, o.amount_paid,
           EXISTS (SELECT FROM payments n WHERE n.account_id = o.account_id AND n.dossier_id = o.id) AS tried,
           CASE WHEN o.paid_at IS NOT NULL OR o.payment_status IN ('paid', 'refunded') THEN 'paid'
                WHEN o.payment_status = 'failed' THEN 'failed'
                WHEN o.payment_status <> 'canceled' THEN 'open'
                WHEN EXISTS (
                    SELECT FROM payments n WHERE n.account_id = o.account_id AND n.dossier_id = o.id
                       AND (n.failure_code IS NOT NULL OR n.failure_reason IS NOT NULL)) THEN 'failed'
                ELSE 'abandoned' END AS outcome
      FROM orders o
     WHERE o.account_id = $1 AND o.stripe ? 'checkout_session_id' AND o.ordered_at >= $2 AND o.ordered_at < $3
       AND (o.livemode OR $6) AND ($7::text IS NULL OR o.currency = $7)
       AND ($8::uuid IS NULL OR EXISTS (
           SELECT FROM order_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND w.owner_id = $8))
), told AS (
    SELECT opened.*, CASE WHEN outcome = 'failed' THEN (
               SELECT n.failure_reason FROM payments n
                WHERE n.account_id = $1 AND n.dossier_id = opened.id AND n.failure_reason IS NOT NULL
                ORDER BY n.attempted_at DESC NULLS LAST, n.key DESC LIMIT 1) END AS reason
      FROM opened
)
SELECT period, currency, outcome, reason, count(*) AS orders, count(*) FILTER (WHERE tried) AS tried,
       sum(amount)::text AS amount, sum(amount_paid)::text AS amount_paid
  FROM told
 GROUP BY 1, 2, 3, 4
 ORDER BY 1 DESC, 2, 3, 4
