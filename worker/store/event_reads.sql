-- read_events: events as far as their reader sees them, with what became of them and the orders they are part of
SELECT e.id, c.name AS connection, c.provider, e.topic, e.delivery_id, s.lane, s.state, s.reason, s.attempts,
       s.next_attempt_at, e.livemode, e.id_conflict, e.occurred_at, e.received_at, e.pruned_at,
       CASE WHEN s.state = 'applied' THEN s.settled_at END AS applied_at,
       ARRAY(SELECT o.id FROM orders o WHERE o.account_id = s.account_id AND o.id = s.dossier_id) AS order_ids
  FROM events e
  JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE e.account_id = $1 AND e.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM event_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND w.owner_id = $3))

-- read_body: the raw bytes of one event
SELECT body, pruned_at FROM events e WHERE account_id = $1 AND id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM event_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND w.owner_id = $3))

-- sees: whether the reader sees an event
SELECT true FROM event_states s WHERE account_id = $1 AND event_id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM event_owners w WHERE w.account_id = $1 AND w.event_id = s.event_id AND w.owner_id = $3))
