-- looks: connections with their last delivery, whether test or live was seen lately, what was refused since a time with the
-- most frequent cause, and how many refused deliveries are kept. Deliveries: of the given events alone, where a reader does
-- not see all (O12)
WITH own AS MATERIALIZED (
    SELECT connection_id, received_at, livemode FROM events WHERE account_id = $1 AND id = ANY ($4::uuid[])
)
SELECT c.id, seen.last_at, coalesce(seen.live, false) AS live, coalesce(seen.test, false) AS test,
       coalesce(f.refused, 0)::bigint AS refused, f.cause, f.skew_s, f.hint,
       (SELECT count(*) FROM quarantine q WHERE q.account_id = $1 AND q.connection_id = c.id) AS quarantined
  FROM (SELECT id FROM connections WHERE account_id = $1 AND id = ANY ($2)) AS c
  LEFT JOIN LATERAL (
       SELECT max(r.received_at) AS last_at, bool_or(r.livemode) AS live, bool_or(NOT r.livemode) AS test
         FROM ((SELECT e.received_at, e.livemode FROM events e
                 WHERE $4::uuid[] IS NULL AND e.account_id = $1 AND e.connection_id = c.id
                 ORDER BY e.received_at DESC
                 LIMIT 100)
               UNION ALL
               (SELECT o.received_at, o.livemode FROM own o
                 WHERE o.connection_id = c.id
                 ORDER BY o.received_at DESC
                 LIMIT 100)) AS r) AS seen ON true
  LEFT JOIN LATERAL (
       SELECT sum(m.count) OVER () AS refused, m.cause, m.skew_s, m.hint
         FROM (SELECT r.cause, sum(r.count) AS count,
                      (array_agg(r.skew_s ORDER BY r.minute DESC) FILTER (WHERE r.skew_s IS NOT NULL))[1] AS skew_s,
                      (array_agg(r.hint ORDER BY r.minute DESC) FILTER (WHERE r.hint IS NOT NULL))[1] AS hint
                 FROM refusals r
                WHERE r.account_id = $1 AND r.connection_id = c.id AND r.minute >= date_trunc('minute', $3::timestamptz)
                GROUP BY r.cause) AS m
        ORDER BY m.count DESC, m.cause
        LIMIT 1) AS f ON true

-- arrivals: how many deliveries of each connection came in each step of time, each counted up to a limit, and how many of
-- these had an id that was used before
SELECT g.id, b.at, n.events, n.conflicts
  FROM unnest($2::uuid[]) AS g (id)
 CROSS JOIN generate_series($3::timestamptz, $4::timestamptz, $5::interval) AS b (at)
 CROSS JOIN LATERAL (
       SELECT count(*) AS events, count(*) FILTER (WHERE counted.id_conflict) AS conflicts
         FROM (SELECT e.id_conflict FROM events e
                WHERE e.account_id = $1 AND e.connection_id = g.id
                  AND e.received_at >= b.at AND e.received_at < b.at + $5::interval
                  AND ($7::uuid[] IS NULL OR e.id = ANY ($7))
                LIMIT $6) AS counted) AS n
 ORDER BY g.id, b.at

-- refusals: how many deliveries of a connection were refused in each step of time that had any
SELECT date_bin($4::interval, minute, $3::timestamptz) AS at, sum(count)::bigint AS refused
  FROM refusals
 WHERE account_id = $1 AND connection_id = $2 AND minute >= $3
 GROUP BY 1
