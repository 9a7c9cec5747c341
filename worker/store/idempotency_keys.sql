-- claim: take a key that nobody has, one whose day is over, or one that the same request left behind when its lease ended
INSERT INTO idempotency_keys AS k (account_id, key, token_id, fingerprint, attempt_id, lease_until)
VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
ON CONFLICT (account_id, key) DO UPDATE
   SET token_id = excluded.token_id, fingerprint = excluded.fingerprint, attempt_id = excluded.attempt_id,
       lease_until = excluded.lease_until, status = NULL, headers = NULL, body = NULL, sealed = false, created_at = now()
 WHERE k.created_at < now() - $7::interval
    OR (k.status IS NULL AND k.lease_until < now() AND k.fingerprint = excluded.fingerprint)
RETURNING attempt_id

-- held: what is known under a key
SELECT token_id, fingerprint, status, headers, body, sealed FROM idempotency_keys WHERE account_id = $1 AND key = $2

-- keep: the answer of an attempt, unless another took the key over meanwhile
UPDATE idempotency_keys SET status = $4, headers = $5, body = $6, sealed = $7
 WHERE account_id = $1 AND key = $2 AND attempt_id = $3

-- release: let a key be used again
DELETE FROM idempotency_keys WHERE account_id = $1 AND key = $2 AND attempt_id = $3

-- forget: keys whose day is over, a few at a time
DELETE FROM idempotency_keys WHERE (account_id, key) IN (
    SELECT account_id, key FROM idempotency_keys WHERE created_at < now() - $1::interval
     ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
