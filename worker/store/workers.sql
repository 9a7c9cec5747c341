-- beat: say that this worker lives
INSERT INTO workers (name, host, pid, running, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET seen_at = now(), running = excluded.running

-- leave: this worker has ended in good order
DELETE FROM workers WHERE name = $1

-- forget: workers that have not been heard of for a day
DELETE FROM workers WHERE seen_at < now() - interval '1 day'

-- alive: how many workers were heard of within the given time
SELECT count(*) FROM workers WHERE seen_at > now() - $1::interval

-- heard_since: the workers that were heard of since a time, up to a limit
SELECT name, host, pid, started_at, seen_at, running, version FROM workers
 WHERE seen_at >= $1
 ORDER BY name
 LIMIT $2
