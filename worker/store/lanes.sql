-- pause: pause a lane, unless it is paused
INSERT INTO lane_pauses (account_id, lane, paused_at, paused_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, lane) DO NOTHING

-- resume: a lane is paused no longer
DELETE FROM lane_pauses WHERE account_id = $1 AND lane = $2 RETURNING true

-- pauses: which lanes of an account are paused, since when and by whom; that of charges is a switch of the account
SELECT lane, paused_at AS at, paused_by AS by FROM lane_pauses WHERE account_id = $1
 UNION ALL
SELECT 'charges', charging_stopped_at, charging_stopped_by FROM accounts WHERE id = $1 AND charging_stopped_at IS NOT NULL

-- pauses_everywhere: the paused lanes of all accounts, the longest first, up to a limit, each with what it holds, counted up
-- to another
SELECT a.name AS account, p.lane, p.paused_at AS at, p.paused_by AS by,
       (SELECT count(*)
          FROM (SELECT FROM event_states s
                 WHERE s.account_id = p.account_id AND s.lane = p.lane AND s.next_attempt_at = 'infinity'
                 LIMIT $2) AS counted) AS held
  FROM lane_pauses p JOIN accounts a ON a.id = p.account_id
 ORDER BY p.paused_at, a.name, p.lane
 LIMIT $1

-- paused_accounts: in how many accounts each lane is paused
SELECT lane, count(*) AS accounts FROM lane_pauses GROUP BY lane
 UNION ALL
SELECT 'charges', count(*) FROM accounts WHERE charging_stopped_at IS NOT NULL

-- queued: the events of each lane that nobody has applied yet (counted up to a limit, oldest first), without those that a
-- paused lane holds; the age of one that was kept or held counts from when it was let go. Here and below of the given events alone, where a
-- reader does not see all (O12)
SELECT q.lane, q.events, greatest(e.received_at, q.released_at) AS oldest
  FROM (SELECT lane, count(*) AS events, min(event_id::text)::uuid AS first, min(released_at) AS released_at
          FROM (SELECT lane, event_id, released_at FROM event_states
                 WHERE account_id = $1 AND state = 'received' AND next_attempt_at < 'infinity'
                   AND ($3::uuid[] IS NULL OR event_id = ANY ($3))
                 ORDER BY event_id
                 LIMIT $2) AS counted
         GROUP BY lane) AS q
  JOIN events e ON e.account_id = $1 AND e.id = q.first

-- held: what the paused lanes of an account hold, counted up to a limit, and the oldest of it
SELECT g.lane, n.events,
       (SELECT e.received_at
          FROM event_states s JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
         WHERE s.account_id = $1 AND s.lane = g.lane AND s.next_attempt_at = 'infinity'
           AND ($4::uuid[] IS NULL OR s.event_id = ANY ($4))
         ORDER BY s.event_id
         LIMIT 1) AS oldest
  FROM unnest($2::text[]) AS g (lane)
 CROSS JOIN LATERAL (
       SELECT count(*) AS events
         FROM (SELECT FROM event_states s
                WHERE s.account_id = $1 AND s.lane = g.lane AND s.next_attempt_at = 'infinity'
                  AND ($4::uuid[] IS NULL OR s.event_id = ANY ($4))
                LIMIT $3) AS counted) AS n

-- deferred: events of each lane that are tried again later, counted up to a limit
SELECT lane, count(*) AS events
  FROM (SELECT lane FROM event_states
         WHERE account_id = $1 AND state = 'retrying' AND next_attempt_at < 'infinity'
           AND ($3::uuid[] IS NULL OR event_id = ANY ($3))
         LIMIT $2) AS counted
 GROUP BY lane

-- charges: recurring orders that are due (counted up to a limit) since when, and attempts that are looked at again later
SELECT count(d.due_at) AS queued, min(d.due_at) AS oldest,
       (SELECT count(*)
          FROM (SELECT FROM charge_attempts t
                  JOIN recurring_orders r ON r.account_id = t.account_id AND r.id = t.recurring_order_id
                 WHERE t.account_id = $1 AND t.state IN ('created', 'sent', 'unknown') AND t.next_check_at > $2
                   AND ($4::uuid IS NULL OR EXISTS (
       SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = r.contact_id AND c.owner_id = $4))
                 LIMIT $3) AS later) AS deferred
  FROM (SELECT r.due_at FROM recurring_orders r
         WHERE r.account_id = $1 AND r.due_at <= $2
           AND ($4::uuid IS NULL OR EXISTS (
       SELECT FROM contacts c WHERE c.account_id = $1 AND c.id = r.contact_id AND c.owner_id = $4))
         ORDER BY r.due_at
         LIMIT $3) AS d

-- recent: what came in each step of time, by lane, and what of it is dead or retrying; a step is named by the lowest id of
-- an event that was received in it, and counted up to a limit
SELECT g.step, n.lane, n.events, n.failed
  FROM unnest($2::int[], $3::uuid[], $4::uuid[]) AS g (step, first, until)
 CROSS JOIN LATERAL (
       SELECT c.lane, count(*) AS events, count(*) FILTER (WHERE c.state IN ('dead', 'retrying')) AS failed
         FROM (SELECT s.lane, s.state FROM event_states s
                WHERE s.account_id = $1 AND s.event_id >= g.first AND s.event_id < g.until
                  AND ($6::uuid[] IS NULL OR s.event_id = ANY ($6))
                LIMIT $5) AS c
        GROUP BY c.lane) AS n
