-- insert_events: store the deliveries that are new, each with its state; only the new ones come back
WITH given AS (
    -- ids as text: encoding a list of them costs the receiver a third of what a list of uuids does
    SELECT account_id::uuid, id::uuid, connection_id::uuid, dedupe, delivery_id, topic, lane, livemode, conflict,
           occurred_at, received_at, headers, body, sound
      FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::boolean[],
                  $9::boolean[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bytea[], $14::boolean[])
        AS g (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, conflict, occurred_at, received_at,
              headers, body, sound)
), stored AS (
    INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, occurred_at,
                        received_at, headers, body)
    SELECT account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode,
           conflict OR (sound AND twin.fetched IS NOT NULL), occurred_at, received_at, headers, body
      FROM given g
      LEFT JOIN LATERAL (
           -- LIMIT keeps the planner from reading all events once in place of looking up a few
           SELECT e.fetched FROM events e
            WHERE e.account_id = g.account_id AND e.connection_id = g.connection_id AND e.delivery_id = g.delivery_id
            LIMIT 1) AS twin ON g.sound
     WHERE twin.fetched IS NOT TRUE
     ORDER BY account_id, connection_id, dedupe
    ON CONFLICT (account_id, connection_id, dedupe) DO NOTHING
    RETURNING account_id, id, lane, received_at, id_conflict
), opened AS (
    INSERT INTO event_states (account_id, event_id, lane, next_attempt_at)
    SELECT account_id, id, lane, received_at + $15::interval FROM stored
)
SELECT id, id_conflict FROM stored

-- known_events: the events that the given deliveries repeat, with what became of them; one that was had from the
-- platform's list is repeated by its id alone
SELECT e.connection_id, e.dedupe, e.id, e.lane, s.state
  FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS g (account_id, connection_id, dedupe)
  JOIN events e USING (account_id, connection_id, dedupe)
  JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
 UNION ALL
SELECT g.connection_id, g.dedupe, e.id, e.lane, s.state
  FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[]) AS g (account_id, connection_id, dedupe, delivery_id)
 CROSS JOIN LATERAL (
       SELECT account_id, id, lane FROM events f
        WHERE f.account_id = g.account_id AND f.connection_id = g.connection_id AND f.delivery_id = g.delivery_id
          AND f.fetched
        LIMIT 1) AS e -- as above
  JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id

-- listed_events: of what a platform lists, the events that are here, with what became of them
SELECT e.delivery_id, e.id, s.state
  FROM events e JOIN event_states s ON s.account_id = e.account_id AND s.event_id = e.id
 WHERE e.account_id = $1 AND e.connection_id = $2 AND e.delivery_id = ANY ($3)
 ORDER BY e.id

-- insert_fetched: store events that a platform lists and that were never delivered, in the lane of bulk work
WITH stored AS (
    INSERT INTO events (account_id, id, connection_id, dedupe, delivery_id, topic, lane, livemode, id_conflict, occurred_at,
                        received_at, headers, body, fetched)
    SELECT $1, id, $2, dedupe, delivery_id, topic, 'bulk', livemode, false, occurred_at, received_at, headers, body, true
      FROM unnest($3::uuid[], $4::bytea[], $5::text[], $6::text[], $7::boolean[], $8::timestamptz[], $9::timestamptz[],
                  $10::text[], $11::bytea[])
        AS g (id, dedupe, delivery_id, topic, livemode, occurred_at, received_at, headers, body)
     ORDER BY dedupe
    ON CONFLICT DO NOTHING
    RETURNING id, received_at
), opened AS (
    INSERT INTO event_states (account_id, event_id, lane, next_attempt_at)
    SELECT $1, id, 'bulk', received_at + $12::interval FROM stored
)
SELECT id FROM stored

-- unread: how many events an account has received and not applied, up to a limit; those of paused lanes are not counted
SELECT count(*)
  FROM (SELECT FROM event_states WHERE account_id = $1 AND state = 'received' AND next_attempt_at < 'infinity'
         ORDER BY next_attempt_at LIMIT $2) AS unread

-- rearm_keyless: events of a connection that waited for an API key are received again, in the lane of bulk work
WITH chosen AS (
    SELECT s.event_id FROM event_states s JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
     WHERE s.account_id = $1 AND s.state = 'waiting' AND s.reason = $3 AND e.connection_id = $2
     ORDER BY s.event_id LIMIT $4 FOR UPDATE OF s SKIP LOCKED
)
UPDATE event_states s
   SET state = 'received', reason = NULL, attempts = 0, lane = 'bulk', next_attempt_at = now() + $5::interval,
       settled_at = NULL
  FROM chosen WHERE s.account_id = $1 AND s.event_id = chosen.event_id
RETURNING s.event_id

-- open_batch: write down which events a worker is about to apply, before it begins
INSERT INTO batches (account_id, id, worker, event_ids) VALUES ($1, $2, $3, $4)

-- close_batch: the batch is settled
DELETE FROM batches WHERE account_id = $1 AND id = $2

-- load_events: the given events that still want applying, locked for this transaction; others may hold the rest
SELECT e.id, e.connection_id, c.name AS connection, c.provider, c.settings, e.topic, e.headers, e.body,
       greatest(e.received_at, s.released_at) AS since, e.received_at, e.livemode, s.attempts, s.dossier_id,
       a.registry_enabled,
       -- a look-up by key for each event, and never a look at all pauses of the account
       coalesce((SELECT true FROM lane_pauses p WHERE p.account_id = s.account_id AND p.lane = s.lane), false) AS paused
  FROM event_states s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
  JOIN accounts a ON a.id = s.account_id
 WHERE s.account_id = $1 AND s.event_id = ANY ($2) AND s.state IN ('received', 'retrying')
 ORDER BY s.event_id
   FOR UPDATE OF s SKIP LOCKED

-- settle_events: what became of each event
UPDATE event_states s
   SET state = g.state, reason = g.reason, dossier_id = g.dossier_id, attempts = s.attempts + 1,
       settled_at = now(), next_attempt_at = NULL
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) AS g (event_id, state, reason, dossier_id)
 WHERE s.account_id = $1 AND s.event_id = g.event_id

-- hold_event: the tries that an unsettled event has had, held for this transaction
SELECT attempts FROM event_states
 WHERE account_id = $1 AND event_id = $2 AND state IN ('received', 'retrying') FOR UPDATE

-- retry_event: count a failed try; the next one comes after the given pause, or never
UPDATE event_states
   SET attempts = attempts + 1, reason = $3, state = CASE WHEN $4::interval IS NULL THEN 'dead' ELSE 'retrying' END,
       next_attempt_at = now() + $4::interval, settled_at = CASE WHEN $4::interval IS NULL THEN now() END
 WHERE account_id = $1 AND event_id = $2

-- wake_waiting: events that waited for these dossiers to be claimed are applied by it; those that another transaction holds
-- at this moment are named and left, and so are those that wait for the registry to be enabled: nobody has read them
WITH waiting AS (
    SELECT event_id FROM event_states WHERE account_id = $1 AND dossier_id = ANY ($2) AND state = 'waiting'
       AND reason IS DISTINCT FROM 'registry_off'
), free AS (
    SELECT event_id FROM event_states WHERE account_id = $1 AND dossier_id = ANY ($2) AND state = 'waiting'
       AND reason IS DISTINCT FROM 'registry_off'
     ORDER BY event_id FOR UPDATE SKIP LOCKED
), woken AS (
    UPDATE event_states s SET state = 'applied', reason = NULL, settled_at = now()
      FROM free WHERE s.account_id = $1 AND s.event_id = free.event_id
    RETURNING s.event_id
)
SELECT event_id, woken.event_id IS NOT NULL AS woken FROM waiting LEFT JOIN woken USING (event_id)

-- described_events: what is told of events
SELECT e.id, c.name AS connection, c.provider, e.topic, greatest(e.received_at, s.released_at) AS since, s.attempts,
       s.dossier_id
  FROM event_states s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 WHERE s.account_id = $1 AND s.event_id = ANY ($2)
 ORDER BY s.event_id

-- move_events: events of a dossier that was merged belong to the one that remains
UPDATE event_states s SET dossier_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE s.account_id = $1 AND s.dossier_id = g.source

-- due_events: events whose signal was lost or whose next try has come, oldest first; what is being applied at this
-- moment is passed over, and nothing is waited for
SELECT s.account_id, s.event_id, s.lane, s.attempts, s.reason
  FROM event_states s
 WHERE s.next_attempt_at <= now()
 ORDER BY s.next_attempt_at, s.event_id
 LIMIT $1
   FOR UPDATE OF s SKIP LOCKED

-- postpone_due: give the signals just sent time to be worked off before they are sent again; due_events holds the rows
UPDATE event_states s SET next_attempt_at = now() + $3::interval
  FROM (SELECT account_id, event_id FROM unnest($1::uuid[], $2::uuid[]) AS u (account_id, event_id) ORDER BY 1, 2) g
 WHERE s.account_id = g.account_id AND s.event_id = g.event_id

-- forget_batches: batches that are far older than any can run, of workers that live
DELETE FROM batches b USING workers w
 WHERE w.name = b.worker AND b.started_at < now() - $1::interval

-- orphaned_batches: batches of workers that are gone
SELECT b.account_id, b.id, b.event_ids, b.worker
  FROM batches b LEFT JOIN workers w ON w.name = b.worker
 WHERE (w.seen_at IS NULL OR w.seen_at < now() - $1::interval) AND b.started_at < now() - $1::interval
 ORDER BY b.account_id, b.id
 LIMIT 100
   FOR UPDATE OF b SKIP LOCKED

-- kept_accounts: accounts whose registry is on and that have events from when it was off
WITH RECURSIVE kept AS (
    (SELECT account_id FROM event_states WHERE state = 'waiting' AND reason = 'registry_off' ORDER BY account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.account_id FROM event_states s
             WHERE s.state = 'waiting' AND s.reason = 'registry_off' AND s.account_id > kept.account_id
             ORDER BY s.account_id LIMIT 1)
      FROM kept WHERE kept.account_id IS NOT NULL
)
SELECT a.id FROM kept JOIN accounts a ON a.id = kept.account_id WHERE a.registry_enabled ORDER BY a.id

-- release_kept: an account's oldest events from when its registry was off are received again, in the lane of bulk work, as
-- many as there is room for beside what it has received and not applied
WITH room AS (
    SELECT $2 - count(*) AS events
      FROM (SELECT FROM event_states WHERE account_id = $1 AND state = 'received' AND next_attempt_at < 'infinity'
             ORDER BY next_attempt_at LIMIT $2) AS unread
), chosen AS (
    SELECT event_id FROM event_states
     WHERE account_id = $1 AND state = 'waiting' AND reason = 'registry_off'
     ORDER BY event_id
     LIMIT (SELECT events FROM room)
       FOR UPDATE SKIP LOCKED
)
UPDATE event_states s
   SET state = 'received', reason = NULL, attempts = 0, lane = 'bulk', next_attempt_at = now() + $3::interval,
       settled_at = NULL, released_at = now()
  FROM chosen
 WHERE s.account_id = $1 AND s.event_id = chosen.event_id
RETURNING s.event_id

-- hold_events: events whose lane is paused stay as they are until it is resumed; load_events holds the rows
UPDATE event_states
   SET next_attempt_at = 'infinity', reason = CASE WHEN state = 'received' THEN 'lane_paused' ELSE reason END
 WHERE account_id = $1 AND event_id = ANY ($2)

-- held_lanes: lanes that are not paused and hold events from when they were
WITH RECURSIVE held AS (
    (SELECT account_id, lane FROM event_states WHERE next_attempt_at = 'infinity' ORDER BY account_id, lane LIMIT 1)
    UNION ALL
    SELECT further.account_id, further.lane
      FROM held
     CROSS JOIN LATERAL (
           SELECT s.account_id, s.lane FROM event_states s
            WHERE s.next_attempt_at = 'infinity' AND (s.account_id, s.lane) > (held.account_id, held.lane)
            ORDER BY s.account_id, s.lane LIMIT 1) AS further
)
SELECT h.account_id, h.lane FROM held h
 WHERE NOT EXISTS (SELECT FROM lane_pauses p WHERE p.account_id = h.account_id AND p.lane = h.lane)
 ORDER BY h.account_id, h.lane

-- release_held: a lane's oldest held events are due again, as many as there is room for beside those let go before
WITH room AS (
    SELECT $3 - count(*) AS events
      FROM (SELECT FROM event_states
             WHERE account_id = $1 AND lane = $2 AND state = 'received' AND released_at IS NOT NULL
               AND next_attempt_at < 'infinity'
             ORDER BY next_attempt_at LIMIT $3) AS let_go
), chosen AS (
    SELECT event_id FROM event_states
     WHERE account_id = $1 AND lane = $2 AND next_attempt_at = 'infinity'
     ORDER BY event_id
     LIMIT (SELECT events FROM room)
       FOR UPDATE SKIP LOCKED
)
UPDATE event_states s
   SET next_attempt_at = now() + $4::interval, reason = nullif(s.reason, 'lane_paused'), released_at = now()
  FROM chosen
 WHERE s.account_id = $1 AND s.event_id = chosen.event_id
RETURNING s.event_id, s.attempts > 0 AS tried
