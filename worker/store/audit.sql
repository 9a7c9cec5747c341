-- add: what somebody did
INSERT INTO audit (account_id, id, at, actor, token_id, session, operation, summary, method, path, status, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- read: entries as far as their reader sees them: who sees only what they own sees what they did
SELECT id, at, actor, token_id, session, operation, summary, method, path, status, details FROM audit
 WHERE account_id = $1 AND id = ANY ($2) AND ($3::uuid IS NULL OR token_id = $3)

-- forget: entries that are old, a few at a time
DELETE FROM audit WHERE (account_id, id) IN (
    SELECT account_id, id FROM audit WHERE at < now() - $1::interval ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
