-- read_events: events as far as their reader sees them, with what became of them and the orders they are part of
SELECT e.id, c.name AS connection, c.provider, e.topic, e.delivery_id, s.lane, s.state, s.reason, s.attempts,
       nullif(s.next_attempt_at, 'infinity') AS next_attempt_at, e.livemode, e.id_conflict, e.occurred_at, e.received_at,
       e.pruned_at,
       CASE WHEN s.state = 'applied' THEN s.settled_at END AS applied_at,
       ARRAY(SELECT o.id FROM orders o WHERE o.account_id = s.account_id AND o.id = s.dossier_id) AS order_ids
  FROM events e
  JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE e.account_id = $1 AND e.id = ANY ($2)
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM events_with_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND $3 = ANY (w.owners)))

-- read_body: the raw bytes of one event
SELECT body, pruned_at FROM events e WHERE account_id = $1 AND id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM events_with_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND $3 = ANY (w.owners)))

-- sees: whether the reader sees an event
SELECT true FROM event_states s WHERE account_id = $1 AND event_id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM events_with_owners w WHERE w.account_id = $1 AND w.event_id = s.event_id AND $3 = ANY (w.owners)))

-- read_whole: one event with all that is known of it, and the beginning of its body
SELECT e.id, c.id AS connection_id, c.name AS connection, c.provider, e.topic, e.delivery_id, s.lane, s.state, s.reason,
       s.attempts, s.next_attempt_at, e.livemode, e.id_conflict, e.fetched, e.occurred_at, e.received_at, s.settled_at,
       s.released_at, s.dossier_id, e.headers, substring(e.body FROM 1 FOR $4) AS body, octet_length(e.body) AS size
  FROM events e
  JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE e.account_id = $1 AND e.id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM events_with_owners w WHERE w.account_id = $1 AND w.event_id = e.id AND $3 = ANY (w.owners)))

-- same_sale: the events of one sale, oldest first
SELECT e.id, c.name AS connection, e.topic, s.state, s.reason, e.received_at
  FROM event_states s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE s.account_id = $1 AND s.dossier_id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = s.dossier_id AND $3 = ANY (w.owners)))
 ORDER BY e.received_at, e.id
 LIMIT $4

-- sale_of: the order that a sale has become, as far as its reader sees it
SELECT o.id, o.number, o.title, o.payment_status, o.status, o.amount, o.currency, o.contact_id
  FROM orders o WHERE o.account_id = $1 AND o.id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = o.id AND $3 = ANY (w.owners)))

-- sale_payments: the payments of a sale, whether it has become an order or not, oldest first
SELECT p.id, p.number, p.status, p.amount, p.currency
  FROM payments p WHERE p.account_id = $1 AND p.dossier_id = $2
   AND ($3::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = p.dossier_id AND $3 = ANY (w.owners)))
 ORDER BY p.attempted_at, p.number, p.key
 LIMIT $4

-- changed_by: what an event changed on its order, oldest first
SELECT t.id, t.at, t.events, t.changes
  FROM timeline t WHERE t.account_id = $1 AND t.order_id = $2 AND $3 = ANY (t.events)
   AND ($4::uuid IS NULL OR EXISTS (
       SELECT FROM orders_with_owners w WHERE w.account_id = $1 AND w.order_id = t.order_id AND $4 = ANY (w.owners)))
 ORDER BY t.id
 LIMIT $5

-- stuck: of a state (the newest up to a limit), the events by connection, topic and cause, the most frequent first;
-- reasons that differ only in ids and numbers are one cause, in which `…` stands for them
SELECT c.name AS connection, c.provider, g.topic, g.cause, g.events, g.reasons, g.reason, g.first_at, g.last_at,
       g.example, g.next_at
  FROM (SELECT e.connection_id, e.topic, n.cause, count(*) AS events, count(DISTINCT n.reason) AS reasons,
               min(n.reason) AS reason, min(e.received_at) AS first_at, max(e.received_at) AS last_at,
               max(n.event_id::text)::uuid AS example, min(n.next_attempt_at) AS next_at
          FROM (SELECT event_id, coalesce(reason, '') AS reason, next_attempt_at,
                       regexp_replace(coalesce(reason, ''), '\S*[0-9]\S*', '…', 'g') AS cause
                  FROM event_states
                 WHERE account_id = $1 AND state = $2 AND state IN ('received', 'waiting', 'retrying', 'dead')
                   AND ($5::uuid[] IS NULL OR event_id = ANY ($5))
                 ORDER BY event_id DESC
                 LIMIT $3) AS n
          JOIN events e ON e.account_id = $1 AND e.id = n.event_id
         GROUP BY e.connection_id, e.topic, n.cause) AS g
  JOIN connections c ON c.account_id = $1 AND c.id = g.connection_id
 ORDER BY g.events DESC, g.last_at DESC, c.name, g.topic, g.cause
 LIMIT $4

-- count_dead: how many events are dead now, counted up to a limit
SELECT count(*) FROM (
    SELECT FROM event_states s WHERE account_id = $1 AND state = 'dead'
       AND ($3::uuid[] IS NULL OR s.event_id = ANY ($3))
     LIMIT $2) AS counted
