-- due: accounts whose bodies are kept for a while only, and are to be looked at
SELECT a.id, a.retention_days FROM accounts a LEFT JOIN retention r ON r.account_id = a.id
 WHERE a.retention_days IS NOT NULL AND (r.next_at IS NULL OR r.next_at <= $1)
 ORDER BY r.next_at NULLS FIRST, a.id LIMIT $2

-- begin: an account that nobody has looked at
INSERT INTO retention (account_id) VALUES ($1) ON CONFLICT DO NOTHING

-- take: how far an account has been looked at, unless another worker looks at it
SELECT received_at, event_id, kept_id FROM retention WHERE account_id = $1 FOR UPDATE SKIP LOCKED

-- old: the next events that were received before a time
SELECT e.id, e.received_at FROM events e
 WHERE e.account_id = $1 AND (e.received_at, e.id) > ($2, $3::uuid) AND e.received_at < $4
 ORDER BY e.received_at, e.id LIMIT $5

-- retained: the next of those that were not settled when they were looked at
SELECT event_id FROM retained_events WHERE account_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3

-- prune: take the bodies of those events that are settled; one that is being set back at this moment is left
WITH settled AS (
    SELECT event_id FROM event_states
     WHERE account_id = $1 AND event_id = ANY ($2) AND state IN ('applied', 'ignored')
     ORDER BY event_id FOR UPDATE SKIP LOCKED
), emptied AS (
    UPDATE events e SET body = '', headers = '{}', pruned_at = $3
      FROM settled WHERE e.account_id = $1 AND e.id = settled.event_id AND e.pruned_at IS NULL
    RETURNING e.id
)
SELECT event_id AS id, emptied.id IS NOT NULL AS pruned FROM settled LEFT JOIN emptied ON emptied.id = settled.event_id

-- retain: events to be looked at again
INSERT INTO retained_events (account_id, event_id) SELECT $1, unnest($2::uuid[]) ON CONFLICT DO NOTHING

-- let_go: events that need not be looked at any more
DELETE FROM retained_events WHERE account_id = $1 AND event_id = ANY ($2)

-- go_on: an account has been looked at up to here
UPDATE retention
   SET received_at = $2, event_id = $3, kept_id = $4, pruned = pruned + $5, ran_at = $6, next_at = $7
 WHERE account_id = $1

-- hurry: the days of an account were changed
UPDATE retention SET next_at = 'epoch' WHERE account_id = $1

-- progress: how far an account is, and what is left of it, each counted up to a limit
SELECT a.retention_days, r.received_at, coalesce(r.pruned, 0) AS pruned, r.ran_at,
       (SELECT min(e.received_at) FROM events e
         WHERE e.account_id = a.id AND e.received_at >= coalesce(r.received_at, 'epoch') AND e.pruned_at IS NULL)
           AS oldest_at,
       (SELECT count(*) FROM (
            SELECT FROM events e
             WHERE e.account_id = a.id AND e.received_at < $2::timestamptz - make_interval(days => a.retention_days)
               AND (e.received_at, e.id) > (coalesce(r.received_at, 'epoch'),
                                            coalesce(r.event_id, '00000000-0000-0000-0000-000000000000'::uuid))
             LIMIT $3) AS old) AS waiting,
       (SELECT count(*) FROM (SELECT FROM retained_events k WHERE k.account_id = a.id LIMIT $3) AS kept) AS retained
  FROM accounts a LEFT JOIN retention r ON r.account_id = a.id
 WHERE a.id = $1

-- overdue: by how much, in seconds, the oldest body that may go is past its account's days; 0 where none is
SELECT coalesce(max(extract(epoch FROM $1::timestamptz - make_interval(days => a.retention_days) - first.received_at)), 0)
           ::float8 AS overdue_s
  FROM accounts a
  LEFT JOIN retention r ON r.account_id = a.id
 CROSS JOIN LATERAL (
       SELECT e.received_at FROM events e
        WHERE e.account_id = a.id AND e.received_at < $1::timestamptz - make_interval(days => a.retention_days)
          AND (e.received_at, e.id) > (coalesce(r.received_at, 'epoch'),
                                       coalesce(r.event_id, '00000000-0000-0000-0000-000000000000'::uuid))
        ORDER BY e.received_at, e.id LIMIT 1) AS first
 WHERE a.retention_days IS NOT NULL
