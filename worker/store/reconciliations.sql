-- add: a comparison that is to be made
INSERT INTO reconciliations (account_id, id, connection_id, asked_by, since, until, next_attempt_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)

-- take_up: the comparison that has waited longest for its next page; nobody else takes it before the given time
WITH due AS (
    SELECT account_id, id FROM reconciliations WHERE next_attempt_at <= $1
     ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE reconciliations r SET next_attempt_at = $2
  FROM due, connections c
 WHERE r.account_id = due.account_id AND r.id = due.id AND c.account_id = r.account_id AND c.id = r.connection_id
RETURNING r.account_id, r.id, r.connection_id, c.name AS connection, c.provider, c.settings, r.since, r.until, r.place,
          r.attempts

-- hold: where a comparison is, until the end of the transaction
SELECT state, place FROM reconciliations WHERE account_id = $1 AND id = $2 FOR UPDATE

-- move_on: a page was looked at
UPDATE reconciliations SET place = coalesce($3, place), reached = coalesce($4, reached), attempts = 0, problem = NULL
 WHERE account_id = $1 AND id = $2

-- postpone: its next page is asked for at a later time
UPDATE reconciliations
   SET next_attempt_at = $3, attempts = attempts + CASE WHEN $4::text IS NULL THEN 0 ELSE 1 END, problem = $4
 WHERE account_id = $1 AND id = $2 AND state = 'running'

-- finish: all was looked at, or nothing more can be
UPDATE reconciliations SET state = $3, problem = $4, next_attempt_at = NULL, finished_at = $5
 WHERE account_id = $1 AND id = $2 AND state = 'running'
RETURNING connection_id, since, until

-- count_days: what a page held, added to what was counted of its days
INSERT INTO reconciled_days AS d (account_id, reconciliation_id, day, platform, received, applied)
SELECT $1, $2, day, platform, received, applied
  FROM unnest($3::date[], $4::integer[], $5::integer[], $6::integer[]) AS g (day, platform, received, applied)
 ORDER BY day
ON CONFLICT (account_id, reconciliation_id, day) DO UPDATE
   SET platform = d.platform + excluded.platform, received = d.received + excluded.received,
       applied = d.applied + excluded.applied

-- add_differences: events of a page that were missing, or are not applied
INSERT INTO reconciled_differences (account_id, reconciliation_id, event_id, delivery_id, topic, occurred_at, kind)
SELECT $1, $2, event_id, delivery_id, topic, occurred_at, kind
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
    AS g (event_id, delivery_id, topic, occurred_at, kind)
 ORDER BY event_id
ON CONFLICT DO NOTHING

-- schedule: begin to compare a connection by itself
INSERT INTO reconcile_schedules (account_id, connection_id, covered_until, next_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING

-- take_due: a connection whose next comparison is due; it is due again at the given time
WITH due AS (
    SELECT account_id, connection_id, covered_until FROM reconcile_schedules
     WHERE account_id = $1 AND connection_id = $2 AND next_at <= $3
       FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE reconcile_schedules s SET next_at = $4
      FROM due WHERE s.account_id = due.account_id AND s.connection_id = due.connection_id
)
SELECT covered_until FROM due

-- cover: a comparison that began no later than where the last one ended carries on from there
UPDATE reconcile_schedules SET covered_until = $4
 WHERE account_id = $1 AND connection_id = $2 AND covered_until >= $3 AND covered_until < $4

-- hurry: every connection is compared at this time at the latest
UPDATE reconcile_schedules SET next_at = $1 WHERE next_at > $1

-- underway: whether a comparison of a connection that nobody asked for is being made
SELECT true FROM reconciliations
 WHERE account_id = $1 AND connection_id = $2 AND asked_by = 'daybook' AND next_attempt_at IS NOT NULL LIMIT 1

-- read: comparisons of a connection
SELECT id, asked_by, state, since, until, reached, problem, created_at, finished_at
  FROM reconciliations WHERE account_id = $1 AND connection_id = $2 AND id = ANY ($3)

-- list: comparisons of a connection, newest first
SELECT created_at AS at, id FROM reconciliations
 WHERE account_id = $1 AND connection_id = $2 AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
 ORDER BY created_at DESC, id DESC LIMIT $5

-- days: what was compared, by day, newest first; what was missing or not applied then is counted as it is now
SELECT d.reconciliation_id, d.day, d.platform, d.received, coalesce(n.missing, 0) AS recovered,
       d.applied + coalesce(n.applied, 0) AS applied, coalesce(n.pending, 0) AS pending
  FROM reconciled_days d
  LEFT JOIN LATERAL (
      SELECT count(*) FILTER (WHERE f.kind = 'missing') AS missing,
             count(*) FILTER (WHERE s.state IN ('applied', 'ignored')) AS applied,
             count(*) FILTER (WHERE s.state = 'received') AS pending
        FROM reconciled_differences f
        JOIN event_states s ON s.account_id = f.account_id AND s.event_id = f.event_id
       WHERE f.account_id = d.account_id AND f.reconciliation_id = d.reconciliation_id
         AND f.occurred_at >= d.day::timestamp AT TIME ZONE 'UTC'
         AND f.occurred_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC') AS n ON true
 WHERE d.account_id = $1 AND d.reconciliation_id = ANY ($2)
 ORDER BY d.reconciliation_id, d.day DESC

-- differences: events that were missing or not applied, with where each is now; the newest first, after a given place
SELECT f.event_id AS id, f.delivery_id, f.topic, f.occurred_at, f.kind, s.state, s.reason
  FROM reconciled_differences f
  JOIN event_states s ON s.account_id = f.account_id AND s.event_id = f.event_id
 WHERE f.account_id = $1 AND f.reconciliation_id = $2
   AND ($3::timestamptz IS NULL OR (f.occurred_at, f.event_id) < ($3, $4::uuid))
 ORDER BY f.occurred_at DESC, f.event_id DESC LIMIT $5
