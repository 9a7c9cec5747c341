-- open_everywhere: how many events of all accounts are in each unsettled state, each counted up to a limit
SELECT g.state, n.events
  FROM unnest(ARRAY['received', 'retrying', 'waiting', 'dead']) AS g (state)
 CROSS JOIN LATERAL (
       SELECT count(*) AS events
         FROM (SELECT FROM accounts a
                CROSS JOIN LATERAL (
                      SELECT FROM event_states s
                       WHERE s.account_id = a.id AND s.state = g.state
                         AND s.state IN ('received', 'waiting', 'retrying', 'dead')
                       LIMIT $1) AS o
                LIMIT $1) AS counted) AS n

-- oldest_everywhere: how long ago the oldest event was received that nobody has tried, and how many workers live; events
-- that were kept while a registry was off or their lane was paused are old by nature, and are left out
SELECT coalesce(extract(epoch FROM now() - min(e.received_at)), 0)::float8 AS oldest_s,
       (SELECT count(*) FROM workers WHERE seen_at > now() - $1::interval) AS workers
  FROM accounts a
 CROSS JOIN LATERAL (
       (SELECT s.account_id, s.event_id FROM event_states s
         WHERE s.account_id = a.id AND s.state = 'received' AND s.released_at IS NULL
           AND NOT EXISTS (SELECT FROM event_states h WHERE h.account_id = a.id AND h.next_attempt_at = 'infinity')
         ORDER BY s.event_id
         LIMIT 1)
        UNION ALL
       -- by what is due, so as not to step over all that a paused lane holds; of more than the limit it is not quite the oldest
       (SELECT o.account_id, o.event_id
          FROM (SELECT s.account_id, s.event_id FROM event_states s
                 WHERE s.next_attempt_at < 'infinity' AND s.account_id = a.id AND s.state = 'received'
                   AND s.released_at IS NULL
                   AND EXISTS (SELECT FROM event_states h WHERE h.account_id = a.id AND h.next_attempt_at = 'infinity')
                 ORDER BY s.next_attempt_at
                 LIMIT 100000) AS o
         ORDER BY o.event_id
         LIMIT 1)) AS first
  JOIN events e ON e.account_id = first.account_id AND e.id = first.event_id
