-- standing: what has become of the given events, of those that are there
SELECT event_id, state FROM event_states WHERE account_id = $1 AND event_id = ANY ($2) ORDER BY event_id

-- hold: the given events, held for this transaction, with what has become of each
SELECT event_id, state FROM event_states
 WHERE account_id = $1 AND event_id = ANY ($2) ORDER BY event_id FOR UPDATE

-- bodiless: which of the given events have no body any more
SELECT id FROM events WHERE account_id = $1 AND id = ANY ($2) AND pruned_at IS NOT NULL

-- rearm: events are received again, in the lane of bulk work, so that what is new never waits for them
UPDATE event_states
   SET state = 'received', reason = NULL, attempts = 0, lane = 'bulk', next_attempt_at = now() + $3::interval,
       settled_at = NULL, released_at = now()
 WHERE account_id = $1 AND event_id = ANY ($2)

-- rearm_one: an event is received again, in its own lane
UPDATE event_states
   SET state = 'received', reason = NULL, attempts = 0, next_attempt_at = now() + $3::interval, settled_at = NULL,
       released_at = now()
 WHERE account_id = $1 AND event_id = $2
RETURNING lane

-- impatient: in a scratch transaction nothing is waited for long, since what it holds others wait for
SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '10s', true)

-- stored: events word for word, whatever became of them, to be read once more; nothing is held
SELECT e.id, e.connection_id, c.name AS connection, c.provider, c.settings, e.topic, e.headers, e.body, e.received_at,
       e.livemode, s.dossier_id, a.registry_enabled
  FROM event_states s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
  JOIN accounts a ON a.id = s.account_id
 WHERE s.account_id = $1 AND s.event_id = ANY ($2)
 ORDER BY s.event_id

-- numbers: the numbers of the given orders, of those that their reader sees
SELECT o.id, o.number FROM orders o
 WHERE o.account_id = $1 AND o.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))
