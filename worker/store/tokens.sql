-- add_token: a token without its secret, which only the directory knows, hashed
INSERT INTO tokens (account_id, id, name, role, permissions) VALUES ($1, $2, $3, $4, $5)
RETURNING account_id, id, name, role, permissions, created_at, revoked_at, NULL::timestamptz AS expires_at

-- add_hash: let a secret stand for a token; not if the token was revoked
INSERT INTO token_directory (hash, account_id, token_id, purpose, expires_at)
SELECT $1, account_id, id, $4, $5 FROM tokens WHERE account_id = $2 AND id = $3 AND revoked_at IS NULL
ON CONFLICT (hash) DO NOTHING
RETURNING hash

-- find_token: whose secret this is, if it still stands, with what the account has set
SELECT t.account_id, t.id, t.name, t.role, t.permissions, a.owner_privacy, a.registry_enabled, a.timezone
  FROM token_directory d
  JOIN tokens t ON t.account_id = d.account_id AND t.id = d.token_id
  JOIN accounts a ON a.id = t.account_id
 WHERE d.hash = $1 AND d.purpose = $2 AND (d.expires_at IS NULL OR d.expires_at > now()) AND t.revoked_at IS NULL

-- use_link: whose single-use secret this is; finding it uses it up
WITH used AS (DELETE FROM token_directory WHERE hash = $1 AND purpose = $2 RETURNING account_id, token_id, expires_at)
SELECT t.account_id, t.id, t.name, t.role, t.permissions, a.owner_privacy, a.registry_enabled, a.timezone
  FROM used u
  JOIN tokens t ON t.account_id = u.account_id AND t.id = u.token_id
  JOIN accounts a ON a.id = t.account_id
 WHERE u.expires_at > now() AND t.revoked_at IS NULL

-- forget_hash: end one session
DELETE FROM token_directory WHERE hash = $1 AND purpose <> 'bearer'

-- revoke_token: the token stands no more; its row stays, since the timeline names it
UPDATE tokens SET revoked_at = coalesce(revoked_at, now()) WHERE account_id = $1 AND id = $2 RETURNING id

-- forget_token: every secret of a token: itself, its links, its sessions
DELETE FROM token_directory WHERE account_id = $1 AND token_id = $2

-- list_tokens: the tokens of an account, newest first, those before a given id
SELECT t.account_id, t.id, t.name, t.role, t.permissions, t.created_at, t.revoked_at,
       (SELECT max(d.expires_at) FROM token_directory d
         WHERE d.account_id = t.account_id AND d.token_id = t.id AND d.purpose = 'bearer') AS expires_at
  FROM tokens t
 WHERE t.account_id = $1 AND ($2::uuid IS NULL OR t.id < $2)
 ORDER BY t.id DESC
 LIMIT $3

-- get_token: one token of an account
SELECT t.account_id, t.id, t.name, t.role, t.permissions, t.created_at, t.revoked_at,
       (SELECT max(d.expires_at) FROM token_directory d
         WHERE d.account_id = t.account_id AND d.token_id = t.id AND d.purpose = 'bearer') AS expires_at
  FROM tokens t
 WHERE t.account_id = $1 AND t.id = $2

-- forget_expired: secrets whose time is over, a few at a time
DELETE FROM token_directory WHERE hash IN (
    SELECT hash FROM token_directory WHERE expires_at < now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)

-- token_exists: whether there is such a token, revoked or not
SELECT true FROM tokens WHERE account_id = $1 AND id = $2
