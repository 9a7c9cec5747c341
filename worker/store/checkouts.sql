-- add: a checkout that is about to be opened
INSERT INTO checkouts (account_id, id, connection_id, request_key, contact_id, order_id, currency, amount, params, lines,
                       stated, actor, next_attempt_at, expires_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)

-- of_request: the checkout that was asked for under an Idempotency-Key
SELECT id, created_at FROM checkouts WHERE account_id = $1 AND request_key = $2

-- free_request: a key that is old enough to be used for something else
UPDATE checkouts SET request_key = NULL WHERE account_id = $1 AND request_key = $2

-- get: what it takes to open a checkout
SELECT k.id, k.state, k.contact_id, k.order_id, k.params, k.lines, k.stated, k.actor, k.session_id, k.problem, k.attempts,
       k.expires_at, k.created_at, c.name AS connection
  FROM checkouts k JOIN connections c ON c.account_id = k.account_id AND c.id = k.connection_id
 WHERE k.account_id = $1 AND k.id = $2

-- hold: as get, until the end of the transaction; who merges its contact need not wait
SELECT k.id, k.state, k.contact_id, k.order_id, k.params, k.lines, k.stated, k.actor, k.session_id, k.problem, k.attempts,
       k.expires_at, k.created_at, c.name AS connection
  FROM checkouts k JOIN connections c ON c.account_id = k.account_id AND c.id = k.connection_id
 WHERE k.account_id = $1 AND k.id = $2
   FOR NO KEY UPDATE OF k

-- take_up: checkouts whose opening nobody is at, the longest waiting first; nobody else takes them before the given time
WITH due AS (
    SELECT account_id, id FROM checkouts WHERE next_attempt_at <= $1
     ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE checkouts k SET next_attempt_at = $2, attempts = k.attempts + 1
  FROM due WHERE k.account_id = due.account_id AND k.id = due.id
RETURNING k.account_id, k.id

-- opened: its session is open and its order is made
UPDATE checkouts
   SET state = 'opened', order_id = $3, session_id = $4, url = $5, expires_at = coalesce($6, expires_at), opened_at = $7,
       next_attempt_at = NULL
 WHERE account_id = $1 AND id = $2

-- ended: there is no session and no order, and there will be none
UPDATE checkouts SET state = $3, problem = $4, next_attempt_at = NULL
 WHERE account_id = $1 AND id = $2 AND state = 'opening'

-- postponed: it is asked for again at a later time
UPDATE checkouts SET next_attempt_at = $3 WHERE account_id = $1 AND id = $2 AND state = 'opening'

-- read: checkouts as far as their reader sees them, each with what is known of its session
SELECT k.id, k.state, n.name AS connection, k.contact_id, l.dossier_id AS order_id, k.currency, k.amount, k.session_id,
       k.url, k.problem, k.expires_at, k.created_at, k.opened_at, d.content AS dossier, o.number AS order_number,
       o.livemode
  FROM checkouts k
  JOIN connections n ON n.account_id = k.account_id AND n.id = k.connection_id
  LEFT JOIN links l ON l.account_id = k.account_id AND l.key = 'stripe:' || k.session_id
  LEFT JOIN dossiers d ON d.account_id = l.account_id AND d.id = l.dossier_id
  LEFT JOIN orders o ON o.account_id = l.account_id AND o.id = l.dossier_id
 WHERE k.account_id = $1 AND k.id = ANY ($2)
   AND ($3::uuid IS NULL
        OR EXISTS (SELECT FROM contacts c WHERE c.account_id = k.account_id AND c.id = k.contact_id AND c.owner_id = $3)
        OR EXISTS (SELECT FROM orders_with_owners w
                    WHERE w.account_id = k.account_id AND w.order_id IN (k.order_id, l.dossier_id)
                      AND $3 = ANY (w.owners)))
