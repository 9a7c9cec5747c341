-- any_event: whether the account has ever received anything, as far as the reader sees it (O12)
SELECT CASE WHEN $2::uuid IS NULL THEN EXISTS (SELECT FROM events WHERE account_id = $1)
            ELSE EXISTS (SELECT FROM order_owners w JOIN event_states s ON s.account_id = $1 AND s.dossier_id = w.order_id
                          WHERE w.account_id = $1 AND w.owner_id = $2) END

-- open_states: how many events are in each unsettled state now (counted up to a limit), and since when the oldest. Here and
-- below of the given events alone, where a reader does not see all
SELECT g.state, n.events,
       (SELECT e.received_at
          FROM event_states s JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
         WHERE s.account_id = $1 AND s.state = g.state AND s.state IN ('received', 'waiting', 'retrying', 'dead')
           AND ($3::uuid[] IS NULL OR s.event_id = ANY ($3))
         ORDER BY s.event_id
         LIMIT 1) AS oldest
  FROM unnest(ARRAY['received', 'waiting', 'retrying', 'dead']) AS g (state)
 CROSS JOIN LATERAL (
       SELECT count(*) AS events
         FROM (SELECT FROM event_states s
                WHERE s.account_id = $1 AND s.state = g.state AND s.state IN ('received', 'waiting', 'retrying', 'dead')
                  AND ($3::uuid[] IS NULL OR s.event_id = ANY ($3))
                LIMIT $2) AS counted) AS n

-- settled: events received since a time by lane and state; ids are ordered by time, so the newest up to a limit
SELECT lane, state, count(*) AS events
  FROM (SELECT lane, state FROM event_states
         WHERE account_id = $1 AND event_id >= $2
           AND ($4::uuid[] IS NULL OR event_id = ANY ($4))
         ORDER BY event_id DESC
         LIMIT $3) AS recent
 GROUP BY lane, state

-- arrivals: how many deliveries came in each step of time
SELECT b.at, n.events
  FROM generate_series($2::timestamptz, $3::timestamptz, $4::interval) AS b (at)
 CROSS JOIN LATERAL (
       SELECT count(*) AS events
         FROM (SELECT FROM events
                WHERE account_id = $1 AND received_at >= b.at AND received_at < b.at + $4::interval
                  AND ($6::uuid[] IS NULL OR id = ANY ($6))
                LIMIT $5) AS counted) AS n
 ORDER BY b.at

-- arrived_since: how many deliveries came since a time, up to a limit
SELECT count(*)
  FROM (SELECT FROM events WHERE account_id = $1 AND received_at >= $2
           AND ($4::uuid[] IS NULL OR id = ANY ($4))
         LIMIT $3) AS counted

-- troubles: when the events came that are retrying or dead now, by step of time
SELECT date_bin($4::interval, t.received_at, $3::timestamptz) AS at, count(*) AS events
  FROM (SELECT e.received_at
          FROM event_states s JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
         WHERE s.account_id = $1 AND s.state IN ('retrying', 'dead') AND s.event_id >= $2
           AND ($6::uuid[] IS NULL OR s.event_id = ANY ($6))
         LIMIT $5) AS t
 WHERE t.received_at >= $3
 GROUP BY 1

-- speed: how long the newest events of each step took to be applied, and how many succeeded at the first try
WITH sample AS MATERIALIZED (
    SELECT b.at, s.lane, s.state, s.attempts,
           greatest(0, extract(epoch FROM s.settled_at - greatest(e.received_at, s.released_at)) * 1000)::float8 AS ms
      FROM generate_series($2::timestamptz, $3::timestamptz, $4::interval) AS b (at)
     CROSS JOIN LATERAL (
           SELECT id, received_at FROM events
            WHERE account_id = $1 AND received_at >= b.at AND received_at < b.at + $4::interval
              AND ($6::uuid[] IS NULL OR id = ANY ($6))
            ORDER BY received_at DESC, id DESC
            LIMIT $5) AS e
      JOIN event_states s ON s.account_id = $1 AND s.event_id = e.id
)
SELECT at, lane, grouping(at, lane) AS level,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ms) FILTER (WHERE state = 'applied') AS percentiles,
       count(*) FILTER (WHERE state IN ('applied', 'ignored') AND attempts <= 1) AS first,
       count(*) FILTER (WHERE state IN ('applied', 'ignored', 'retrying', 'dead')) AS tried
  FROM sample
 GROUP BY GROUPING SETS ((at), (lane), ())

-- connections: each source with its last delivery, what came since a time (the newest up to a limit), and what was
-- refused since then with the most frequent cause
WITH own AS MATERIALIZED (
    SELECT connection_id, received_at, livemode FROM events WHERE account_id = $1 AND id = ANY ($5::uuid[])
)
SELECT c.id, c.name, c.provider, last.received_at AS last_at, last.livemode AS last_livemode,
       coalesce(n.events, 0) AS events, n.first_at, coalesce(n.conflicts, 0) AS conflicts,
       coalesce(n.live, false) AS live, coalesce(n.test, false) AS test,
       coalesce(f.refused, 0)::bigint AS refused, f.cause, f.skew_s, f.hint
  FROM (SELECT * FROM connections WHERE account_id = $1 ORDER BY name LIMIT $3) AS c
  LEFT JOIN LATERAL (
       (SELECT e.received_at, e.livemode FROM events e
         WHERE $5::uuid[] IS NULL AND e.account_id = $1 AND e.connection_id = c.id
         ORDER BY e.received_at DESC
         LIMIT 1)
       UNION ALL
       (SELECT o.received_at, o.livemode FROM own o WHERE o.connection_id = c.id ORDER BY o.received_at DESC LIMIT 1)
       ) AS last ON true
  LEFT JOIN LATERAL (
       SELECT count(*) AS events, min(r.received_at) AS first_at, count(*) FILTER (WHERE r.id_conflict) AS conflicts,
              bool_or(r.livemode) AS live, bool_or(NOT r.livemode) AS test
         FROM (SELECT e.received_at, e.livemode, e.id_conflict FROM events e
                WHERE e.account_id = $1 AND e.connection_id = c.id AND e.received_at >= $2
                  AND ($5::uuid[] IS NULL OR e.id = ANY ($5))
                ORDER BY e.received_at DESC
                LIMIT $4) AS r) AS n ON true
  LEFT JOIN LATERAL (
       SELECT sum(m.count) OVER () AS refused, m.cause, m.skew_s, m.hint
         FROM (SELECT r.cause, sum(r.count) AS count,
                      (array_agg(r.skew_s ORDER BY r.minute DESC) FILTER (WHERE r.skew_s IS NOT NULL))[1] AS skew_s,
                      (array_agg(r.hint ORDER BY r.minute DESC) FILTER (WHERE r.hint IS NOT NULL))[1] AS hint
                 FROM refusals r
                WHERE r.account_id = $1 AND r.connection_id = c.id AND r.minute >= date_trunc('minute', $2::timestamptz)
                GROUP BY r.cause) AS m
        ORDER BY m.count DESC, m.cause
        LIMIT 1) AS f ON true
 ORDER BY c.name

-- failures: the newest events that are dead or retrying, with the reason
SELECT s.event_id AS id, c.name AS connection, e.topic, s.state, s.reason, s.attempts,
       nullif(s.next_attempt_at, 'infinity') AS next_attempt_at, e.received_at,
       e.livemode
  FROM (SELECT * FROM event_states
         WHERE account_id = $1 AND state IN ('retrying', 'dead')
           AND ($3::uuid[] IS NULL OR event_id = ANY ($3))
         ORDER BY event_id DESC
         LIMIT $2) AS s
  JOIN events e ON e.account_id = s.account_id AND e.id = s.event_id
  JOIN connections c ON c.account_id = e.account_id AND c.id = e.connection_id
 ORDER BY s.event_id DESC

-- waiting: what the waiting events wait for (of the newest up to a limit), the most frequent first; reasons that differ
-- only in the object they name are one row, in which `…` stands for it
SELECT CASE WHEN count(DISTINCT w.reason) = 1 THEN min(w.reason) ELSE w.kind END AS reason, count(*) AS events,
       count(DISTINCT w.reason) AS objects, min(e.received_at) AS oldest
  FROM (SELECT coalesce(reason, '') AS reason, regexp_replace(coalesce(reason, ''), '\S*[0-9]\S*', '…', 'g') AS kind, event_id
          FROM event_states
         WHERE account_id = $1 AND state = 'waiting'
           AND ($4::uuid[] IS NULL OR event_id = ANY ($4))
         ORDER BY event_id DESC
         LIMIT $2) AS w
  JOIN events e ON e.account_id = $1 AND e.id = w.event_id
 GROUP BY w.kind
 ORDER BY events DESC, w.kind
 LIMIT $3
