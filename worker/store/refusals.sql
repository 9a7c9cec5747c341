-- add_refusals: add to the counts of the minutes; many at once
INSERT INTO refusals AS r (account_id, connection_id, minute, cause, count, skew_s, hint, last_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
                     $8::timestamptz[])
 ORDER BY 1, 2, 3, 4
ON CONFLICT (account_id, connection_id, minute, cause) DO UPDATE
   SET count = r.count + excluded.count, skew_s = coalesce(excluded.skew_s, r.skew_s),
       hint = coalesce(excluded.hint, r.hint), last_at = greatest(r.last_at, excluded.last_at)

-- add_unknown: add to the counts of deliveries to addresses that do not exist
INSERT INTO unknown_refusals AS r (minute, count)
SELECT * FROM unnest($1::timestamptz[], $2::bigint[]) ORDER BY 1
ON CONFLICT (minute) DO UPDATE SET count = r.count + excluded.count

-- add_quarantine: keep refused deliveries
INSERT INTO quarantine (account_id, id, connection_id, received_at, cause, skew_s, hint, headers, query, body)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[],
                     $8::text[], $9::text[], $10::bytea[])
 ORDER BY 1, 2

-- trim_quarantine: of each of the given connections only the newest stay
DELETE FROM quarantine q
 USING unnest($1::uuid[], $2::uuid[]) AS g (account_id, connection_id)
 CROSS JOIN LATERAL (
       SELECT id FROM quarantine o
        WHERE o.account_id = g.account_id AND o.connection_id = g.connection_id
        ORDER BY o.id DESC OFFSET $3) AS old
 WHERE q.account_id = g.account_id AND q.id = old.id

-- counted: the refusals of one connection since a time, by cause, the most frequent first
SELECT cause, sum(count)::bigint AS count, max(last_at) AS last_at,
       (array_agg(skew_s ORDER BY minute DESC) FILTER (WHERE skew_s IS NOT NULL))[1] AS skew_s,
       (array_agg(hint ORDER BY minute DESC) FILTER (WHERE hint IS NOT NULL))[1] AS hint
  FROM refusals
 WHERE account_id = $1 AND connection_id = $2 AND minute >= date_trunc('minute', $3::timestamptz)
 GROUP BY cause
 ORDER BY 2 DESC, 1

-- counted_everywhere: what all connections of all accounts refused since a while ago, and if one took anything since
SELECT g.*, EXISTS (SELECT FROM events e
                     WHERE e.account_id = g.account_id AND e.connection_id = g.connection_id
                       AND e.received_at > g.last_at) AS accepted_since
  FROM (SELECT c.name, c.account_id, c.id AS connection_id, r.cause, sum(r.count)::bigint AS count,
               max(r.last_at) AS last_at,
               (array_agg(r.skew_s ORDER BY r.minute DESC) FILTER (WHERE r.skew_s IS NOT NULL))[1] AS skew_s,
               (array_agg(r.hint ORDER BY r.minute DESC) FILTER (WHERE r.hint IS NOT NULL))[1] AS hint
          FROM refusals r JOIN connections c ON c.account_id = r.account_id AND c.id = r.connection_id
         WHERE r.minute >= now() - $1::interval
         GROUP BY c.name, c.account_id, c.id, r.cause
         ORDER BY c.name, c.account_id, c.id, 5 DESC, r.cause
         LIMIT $2) AS g
 ORDER BY g.name, g.account_id, g.connection_id, g.count DESC, g.cause

-- counted_unknown: deliveries to addresses that do not exist since a while ago
SELECT coalesce(sum(count), 0)::bigint FROM unknown_refusals WHERE minute >= now() - $1::interval

-- held: the quarantine of one connection, newest first, without the bodies
SELECT id, received_at, cause, skew_s, hint, octet_length(body) AS size
  FROM quarantine WHERE account_id = $1 AND connection_id = $2
 ORDER BY id DESC
 LIMIT $3

-- held_whole: the quarantine of one connection, oldest first, with headers and bodies; those after a given id
SELECT id, received_at, headers, query, body
  FROM quarantine WHERE account_id = $1 AND connection_id = $2 AND ($3::uuid IS NULL OR id > $3)
 ORDER BY id
 LIMIT $4

-- release: these have left the quarantine
DELETE FROM quarantine WHERE account_id = $1 AND id = ANY ($2)

-- forget_refusals: counts older than the retention
DELETE FROM refusals WHERE minute < now() - $1::interval

-- forget_unknown: counts older than the retention
DELETE FROM unknown_refusals WHERE minute < now() - $1::interval

-- forget_quarantine: refused deliveries older than the retention
DELETE FROM quarantine WHERE received_at < now() - $1::interval
