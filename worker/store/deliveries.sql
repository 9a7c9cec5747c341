-- due: active subscribers for whom something is due, the longest waiting first; from one to the next by the index
WITH RECURSIVE first AS (
    (SELECT account_id, subscriber_id, next_attempt_at FROM feed_deliveries
      WHERE next_attempt_at IS NOT NULL
      ORDER BY account_id, subscriber_id, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT n.account_id, n.subscriber_id, n.next_attempt_at
      FROM first f
     CROSS JOIN LATERAL (
           SELECT d.account_id, d.subscriber_id, d.next_attempt_at FROM feed_deliveries d
            WHERE d.next_attempt_at IS NOT NULL AND (d.account_id, d.subscriber_id) > (f.account_id, f.subscriber_id)
            ORDER BY d.account_id, d.subscriber_id, d.next_attempt_at LIMIT 1) AS n
)
SELECT f.account_id, f.subscriber_id
  FROM first f
  JOIN feed_subscribers s ON s.account_id = f.account_id AND s.id = f.subscriber_id
 WHERE f.next_attempt_at <= now() AND s.state = 'active'
 ORDER BY f.next_attempt_at, f.subscriber_id
 LIMIT $1

-- hold: those of these subscribers for whom nobody else is claiming at this moment, held until the end of the transaction
SELECT s.account_id, s.id
  FROM unnest($1::uuid[], $2::uuid[]) AS g (account_id, id)
  JOIN feed_subscribers s ON s.account_id = g.account_id AND s.id = g.id
 WHERE s.state = 'active'
 ORDER BY s.account_id, s.id
   FOR NO KEY UPDATE OF s SKIP LOCKED

-- claim: take what is due for subscribers that this transaction holds, each up to its slots less what is being sent to it.
-- Never an event before which the same subject has one that is still open.
WITH held AS (
    SELECT account_id, subscriber_id, slots FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS h (account_id, subscriber_id, slots)
), room AS (
    SELECT h.account_id, h.subscriber_id, h.slots - (
               SELECT count(*) FROM feed_deliveries l
                WHERE l.account_id = h.account_id AND l.subscriber_id = h.subscriber_id
                  AND l.lease IS NOT NULL AND l.next_attempt_at > now()) AS free
      FROM held h
), due AS (
    SELECT d.account_id, d.subscriber_id, d.event_id
      FROM room r
     CROSS JOIN LATERAL (
           SELECT d.account_id, d.subscriber_id, d.event_id FROM feed_deliveries d
            WHERE d.account_id = r.account_id AND d.subscriber_id = r.subscriber_id AND d.next_attempt_at <= now()
              AND NOT EXISTS (
                  SELECT FROM feed_deliveries b
                   WHERE b.account_id = d.account_id AND b.subscriber_id = d.subscriber_id
                     AND b.subject_id = d.subject_id AND b.sequence < d.sequence AND b.next_attempt_at IS NOT NULL)
            ORDER BY d.next_attempt_at, d.event_id
            LIMIT greatest(r.free, 0)
              FOR UPDATE SKIP LOCKED) AS d
), claimed AS (
    UPDATE feed_deliveries d
       SET lease = $4, next_attempt_at = now() + $5::interval, attempts = attempts + 1, last_attempt_at = now()
      FROM due
     WHERE d.account_id = due.account_id AND d.subscriber_id = due.subscriber_id AND d.event_id = due.event_id
    RETURNING d.account_id, d.subscriber_id, d.event_id, d.attempts
)
SELECT c.account_id, c.subscriber_id, c.event_id, c.attempts, e.type, e.body, e.created_at, s.url, s.secret,
       s.former_secret, s.former_until, a.private_targets
  FROM claimed c
  JOIN feed_events e ON e.account_id = c.account_id AND e.id = c.event_id
  JOIN feed_subscribers s ON s.account_id = c.account_id AND s.id = c.subscriber_id
  JOIN accounts a ON a.id = c.account_id

-- delivered: the subscriber has it, whoever sent it last; what waited behind it is due
WITH done AS (
    UPDATE feed_deliveries
       SET state = 'delivered', next_attempt_at = NULL, lease = NULL, last_status = $4, last_error = NULL,
           last_answer = NULL, settled_at = now()
     WHERE account_id = $1 AND subscriber_id = $2 AND event_id = $3 AND state <> 'delivered'
    RETURNING subject_id, sequence
), behind AS (
    SELECT d.event_id
      FROM done
      JOIN feed_deliveries d ON d.account_id = $1 AND d.subscriber_id = $2 AND d.subject_id = done.subject_id
       AND d.sequence > done.sequence AND d.next_attempt_at > now() AND d.lease IS NULL
     ORDER BY d.event_id FOR UPDATE OF d
)
UPDATE feed_deliveries d SET next_attempt_at = now()
  FROM behind b WHERE d.account_id = $1 AND d.subscriber_id = $2 AND d.event_id = b.event_id

-- failed: an attempt failed; the next one comes after the pause, or never. Only for who still holds it.
UPDATE feed_deliveries
   SET state = CASE WHEN $5::interval IS NULL THEN 'dead' ELSE 'retrying' END, next_attempt_at = now() + $5, lease = NULL,
       last_status = $6, last_error = $7, last_answer = $8, settled_at = CASE WHEN $5 IS NULL THEN now() END
 WHERE account_id = $1 AND subscriber_id = $2 AND event_id = $3 AND lease = $4
RETURNING subject_id, sequence, next_attempt_at

-- move_followers: what waits behind an event that failed is due when that one is (null: it is dead, so now)
WITH behind AS (
    SELECT event_id FROM feed_deliveries
     WHERE account_id = $1 AND subscriber_id = $2 AND subject_id = $3 AND sequence > $4
       AND next_attempt_at IS NOT NULL AND lease IS NULL
     ORDER BY event_id FOR UPDATE
)
UPDATE feed_deliveries d SET next_attempt_at = coalesce($5, now())
  FROM behind b WHERE d.account_id = $1 AND d.subscriber_id = $2 AND d.event_id = b.event_id

-- let_go: what a worker that ends has not sent is due at once, and the attempt is not counted
UPDATE feed_deliveries SET next_attempt_at = now(), lease = NULL, attempts = greatest(attempts - 1, 0)
 WHERE account_id = $1 AND subscriber_id = $2 AND event_id = $3 AND lease = $4

-- disable: the subscriber said that it is gone
UPDATE feed_subscribers SET state = 'disabled', reason = $3, version = version + 1, updated_at = clock_timestamp()
 WHERE account_id = $1 AND id = $2 AND state <> 'disabled' AND removed_at IS NULL

-- list_deliveries: what became of the events told to a subscriber, newest first, before a given one
SELECT d.event_id, e.type, d.subject_id, d.sequence, d.state, d.attempts, d.next_attempt_at, d.last_attempt_at,
       d.last_status, d.last_error, d.last_answer, d.settled_at, e.created_at
  FROM feed_deliveries d JOIN feed_events e ON e.account_id = d.account_id AND e.id = d.event_id
 WHERE d.account_id = $1 AND d.subscriber_id = $2 AND ($3::uuid IS NULL OR d.event_id < $3)
 ORDER BY d.event_id DESC LIMIT $4

-- list_in_state: those of them that are in one state
SELECT d.event_id, e.type, d.subject_id, d.sequence, d.state, d.attempts, d.next_attempt_at, d.last_attempt_at,
       d.last_status, d.last_error, d.last_answer, d.settled_at, e.created_at
  FROM feed_deliveries d JOIN feed_events e ON e.account_id = d.account_id AND e.id = d.event_id
 WHERE d.account_id = $1 AND d.subscriber_id = $2 AND d.state = $5 AND ($3::uuid IS NULL OR d.event_id < $3)
 ORDER BY d.event_id DESC LIMIT $4

-- get_delivery: what became of one event told to a subscriber
SELECT d.event_id, e.type, d.subject_id, d.sequence, d.state, d.attempts, d.next_attempt_at, d.last_attempt_at,
       d.last_status, d.last_error, d.last_answer, d.settled_at, e.created_at
  FROM feed_deliveries d JOIN feed_events e ON e.account_id = d.account_id AND e.id = d.event_id
 WHERE d.account_id = $1 AND d.subscriber_id = $2 AND d.event_id = $3

-- retry: send one event again, all attempts anew; one that is being sent at this moment is left alone
UPDATE feed_deliveries SET state = 'pending', attempts = 0, next_attempt_at = now(), settled_at = NULL
 WHERE account_id = $1 AND subscriber_id = $2 AND event_id = $3 AND lease IS NULL

-- retry_dead: send dead events again, oldest first, up to a limit
WITH dead AS (
    SELECT event_id FROM feed_deliveries
     WHERE account_id = $1 AND subscriber_id = $2 AND state = 'dead' ORDER BY event_id LIMIT $3 FOR UPDATE
), again AS (
    UPDATE feed_deliveries d SET state = 'pending', attempts = 0, next_attempt_at = now(), settled_at = NULL
      FROM dead WHERE d.account_id = $1 AND d.subscriber_id = $2 AND d.event_id = dead.event_id
    RETURNING d.event_id
)
SELECT count(*) FROM again

-- expired: events that are kept no longer
SELECT account_id, id FROM feed_events WHERE created_at < $1 ORDER BY created_at LIMIT $2

-- drop_deliveries: the deliveries of events that are kept no longer
DELETE FROM feed_deliveries d
 USING unnest($1::uuid[], $2::uuid[]) AS g (account_id, event_id)
 WHERE d.account_id = g.account_id AND d.event_id = g.event_id
RETURNING d.next_attempt_at IS NOT NULL AS open

-- drop_events: events that are kept no longer
DELETE FROM feed_events e
 USING unnest($1::uuid[], $2::uuid[]) AS g (account_id, id)
 WHERE e.account_id = g.account_id AND e.id = g.id

-- backlog: what is open at active subscribers and what is dead, counted up to a limit, the time since the oldest attempt
-- fell due, and how many subscribers are disabled
SELECT (SELECT count(*) FROM (
            SELECT FROM feed_subscribers s
             CROSS JOIN LATERAL (
                   SELECT FROM feed_deliveries d
                    WHERE d.account_id = s.account_id AND d.subscriber_id = s.id AND d.next_attempt_at IS NOT NULL
                    LIMIT $1) AS o
             WHERE s.state = 'active' LIMIT $1) AS counted) AS pending,
       (SELECT count(*) FROM (
            SELECT FROM feed_subscribers s
             CROSS JOIN LATERAL (
                   SELECT FROM feed_deliveries d
                    WHERE d.account_id = s.account_id AND d.subscriber_id = s.id AND d.state = 'dead'
                    LIMIT $1) AS o
             WHERE s.removed_at IS NULL LIMIT $1) AS counted) AS dead,
       (SELECT coalesce(greatest(extract(epoch FROM now() - min(o.next_attempt_at)), 0), 0)::float8
          FROM feed_subscribers s
         CROSS JOIN LATERAL (
               SELECT d.next_attempt_at FROM feed_deliveries d
                WHERE d.account_id = s.account_id AND d.subscriber_id = s.id AND d.next_attempt_at IS NOT NULL
                ORDER BY d.next_attempt_at LIMIT 1) AS o
         WHERE s.state = 'active') AS overdue_s,
       (SELECT count(*) FROM feed_subscribers WHERE state = 'disabled' AND removed_at IS NULL) AS disabled
