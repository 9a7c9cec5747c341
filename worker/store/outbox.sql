-- wanted: what the subscribers of an account have chosen (null: all), and the time of this transaction
SELECT types, now() AS at FROM feed_subscribers
 WHERE account_id = $1 AND state <> 'disabled' AND removed_at IS NULL

-- count_up: the number of the last event of each subject, once these many more are counted
INSERT INTO feed_sequences AS s (account_id, subject_id, value)
SELECT $1, subject_id, more FROM unnest($2::uuid[], $3::bigint[]) AS g (subject_id, more) ORDER BY subject_id
ON CONFLICT (account_id, subject_id) DO UPDATE SET value = s.value + excluded.value
RETURNING subject_id, value

-- tell: put events into the outbox, each with a delivery for every subscriber that has chosen its type. Behind an event
-- of the same subject that failed, there is nothing to try before that one is tried again.
WITH given AS (
    SELECT id, type, subject_id, sequence, body
      FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::text[]) AS g (id, type, subject_id, sequence, body)
), chosen AS (
    SELECT g.id, g.subject_id, g.sequence, s.id AS subscriber_id
      FROM given g
      JOIN feed_subscribers s ON s.account_id = $1 AND s.state <> 'disabled' AND s.removed_at IS NULL
       AND CASE WHEN $7::uuid IS NULL THEN s.types IS NULL OR g.type = ANY (s.types) ELSE s.id = $7 END
), told AS (
    INSERT INTO feed_events (account_id, id, type, subject_id, sequence, body, created_at)
    SELECT $1, id, type, subject_id, sequence, body, now() FROM given WHERE id IN (SELECT id FROM chosen) ORDER BY id
)
INSERT INTO feed_deliveries (account_id, subscriber_id, event_id, subject_id, sequence, next_attempt_at)
SELECT $1, c.subscriber_id, c.id, c.subject_id, c.sequence, greatest(now(), (
           SELECT max(d.next_attempt_at) FROM feed_deliveries d
            WHERE d.account_id = $1 AND d.subscriber_id = c.subscriber_id AND d.subject_id = c.subject_id
              AND d.next_attempt_at IS NOT NULL AND d.lease IS NULL))
  FROM chosen c ORDER BY c.subscriber_id, c.id

-- set_bodies: events of this transaction that are not yet as they will be sent
UPDATE feed_events e SET body = g.body
  FROM unnest($2::uuid[], $3::text[]) AS g (id, body)
 WHERE e.account_id = $1 AND e.id = ANY ($2) AND e.id = g.id
