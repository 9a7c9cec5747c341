-- add: write an attempt down
INSERT INTO charge_attempts (account_id, id, recurring_order_id, cycle, number, order_id, kind, state, connection_id, amount,
    currency, parameters, next_check_at, created_at)
SELECT $1, id, recurring_order_id, cycle, number, order_id, kind, state, connection_id, amount, currency, parameters,
       next_check_at, created_at
  FROM json_populate_record(NULL::charge_attempts, $2::text::json)

-- count: how many attempts a cycle has had
SELECT count(*) FROM charge_attempts WHERE account_id = $1 AND recurring_order_id = $2 AND cycle = $3

-- get: one attempt, as it is now
SELECT * FROM charge_attempts WHERE account_id = $1 AND id = $2

-- hold: attempts, held until the end of the transaction
SELECT * FROM charge_attempts WHERE account_id = $1 AND id = ANY ($2) ORDER BY id FOR NO KEY UPDATE

-- hold_open: the open attempt of a recurring order, held until the end of the transaction
SELECT * FROM charge_attempts
 WHERE account_id = $1 AND recurring_order_id = $2 AND state IN ('created', 'sent', 'unknown') FOR NO KEY UPDATE

-- of_intents: the attempts of payment intents
SELECT * FROM charge_attempts WHERE account_id = $1 AND payment_intent_id = ANY ($2)

-- update: what changes of an attempt that is held
UPDATE charge_attempts a SET
    state = g.state, payment_intent_id = g.payment_intent_id, key_round = g.key_round, keyed_at = g.keyed_at,
    fence = g.fence, lease_until = g.lease_until, next_check_at = g.next_check_at, checks = g.checks, final = g.final,
    refused = g.refused, code = g.code, reason = g.reason, sent_at = g.sent_at, settled_at = g.settled_at
  FROM json_populate_record(NULL::charge_attempts, $3::text::json) g
 WHERE a.account_id = $1 AND a.id = $2

-- due: the recurring orders whose open attempt a worker has to look at, the longest first
SELECT account_id, recurring_order_id AS id FROM charge_attempts WHERE next_check_at <= $1 ORDER BY next_check_at, id LIMIT $2

-- list: the attempts of a recurring order, the newest first
SELECT * FROM charge_attempts
 WHERE account_id = $1 AND recurring_order_id = $2
   AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
 ORDER BY created_at DESC, id DESC LIMIT $5

-- latest: the last attempt of each of these recurring orders
SELECT a.* FROM unnest($2::uuid[]) AS g (id)
 CROSS JOIN LATERAL (
       SELECT * FROM charge_attempts c WHERE c.account_id = $1 AND c.recurring_order_id = g.id
        ORDER BY c.created_at DESC, c.id DESC LIMIT 1) AS a

-- of_orders: the attempts to charge these orders, the newest first
SELECT * FROM charge_attempts WHERE account_id = $1 AND order_id = ANY ($2) ORDER BY created_at DESC, id DESC
