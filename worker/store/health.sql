-- overdue: events of all accounts that should have been applied some time ago (counted up to a limit), since when, and which
-- first; what a paused lane holds is not late
SELECT count(*) AS events, min(next_attempt_at) AS oldest,
       (array_agg(event_id ORDER BY next_attempt_at))[1]::text AS event
  FROM (SELECT event_id, next_attempt_at FROM event_states s
         WHERE next_attempt_at < now() - $1::interval
           AND NOT EXISTS (SELECT FROM lane_pauses p WHERE p.account_id = s.account_id AND p.lane = s.lane)
         ORDER BY next_attempt_at
         LIMIT $2) AS late

-- dead: events of all accounts that nobody applies any more, up to a limit
SELECT count(*)
  FROM accounts a
 CROSS JOIN LATERAL (SELECT FROM event_states s WHERE s.account_id = a.id AND s.state = 'dead' LIMIT $1) AS d

-- heartbeats: how many workers were heard of lately, and when the last of all was
SELECT count(*) FILTER (WHERE seen_at > now() - $1::interval) AS alive, max(seen_at) AS last, now() AS now FROM workers
