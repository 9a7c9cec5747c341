-- funnel: what became of the orders whose checkouts were opened in a time, by period, currency and reason of failure
WITH opened AS (
    SELECT date_trunc($5, o.ordered_at AT TIME ZONE $4)::date AS period, o.currency, o.amount, o.amount_paid,
           p.tried IS NOT NULL AS tried,
           CASE WHEN o.paid_at IS NOT NULL OR o.payment_status IN ('paid', 'refunded') THEN 'paid'
                WHEN o.payment_status = 'failed' OR (o.payment_status = 'canceled' AND p.failed) THEN 'failed'
                WHEN o.payment_status = 'canceled' THEN 'abandoned'
                ELSE 'open' END AS outcome,
           p.reason
      FROM orders o
      LEFT JOIN LATERAL (
          SELECT true AS tried, bool_or(n.failure_code IS NOT NULL OR n.failure_reason IS NOT NULL) AS failed,
                 (array_agg(n.failure_reason ORDER BY n.attempted_at DESC NULLS LAST, n.key DESC)
                     FILTER (WHERE n.failure_reason IS NOT NULL))[1] AS reason
            FROM payments n WHERE n.account_id = o.account_id AND n.dossier_id = o.id
          HAVING count(*) > 0) AS p ON true
     WHERE o.account_id = $1 AND o.stripe ? 'checkout_session_id' AND o.ordered_at >= $2 AND o.ordered_at < $3
       AND (o.livemode OR $6) AND ($7::text IS NULL OR o.currency = $7)
       AND ($8::uuid IS NULL OR EXISTS (
           SELECT FROM order_owners w WHERE w.account_id = o.account_id AND w.order_id = o.id AND w.owner_id = $8))
)
SELECT period, currency, outcome, CASE WHEN outcome = 'failed' THEN reason END AS reason, count(*) AS orders,
       count(*) FILTER (WHERE tried) AS tried, sum(amount)::text AS amount, sum(amount_paid)::text AS amount_paid
  FROM opened
 GROUP BY 1, 2, 3, 4
 ORDER BY 1 DESC, 2, 3, 4
