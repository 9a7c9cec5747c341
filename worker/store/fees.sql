-- begin: a connection whose payments' costs nobody has asked for so far
INSERT INTO fee_marks (account_id, connection_id, received_at, event_id, next_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING

-- take: how far it has been asked, if that is due; nobody else takes it before the given time
UPDATE fee_marks SET next_at = $4 WHERE account_id = $1 AND connection_id = $2 AND next_at <= $3
RETURNING received_at, event_id

-- charges: deliveries about charges, after a given one and before a time, oldest first, with what became of each
SELECT e.id, e.received_at, e.body, s.state, s.dossier_id
  FROM events e JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
 WHERE e.account_id = $1 AND e.connection_id = $2 AND (e.received_at, e.id) > ($3, $4::uuid) AND e.received_at < $5
   AND e.topic IN ('charge.succeeded', 'charge.captured', 'charge.updated')
 ORDER BY e.received_at, e.id LIMIT $6

-- unknown: of the given payments, those that were received and of which nobody knows what they cost
SELECT key, dossier_id FROM payments
 WHERE account_id = $1 AND key = ANY ($2) AND status = 'succeeded' AND fee IS NULL

-- mark: it has been asked up to here; it is due again at the given time
UPDATE fee_marks SET received_at = $3, event_id = $4, next_at = $5 WHERE account_id = $1 AND connection_id = $2
