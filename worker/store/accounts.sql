-- add_account: make an account, unless there is one of this name
INSERT INTO accounts (id, name, currency, timezone, registry_enabled) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO NOTHING
RETURNING *

-- get_account: one account
SELECT * FROM accounts WHERE id = $1

-- hold_account: one account, held until the end of the transaction
SELECT * FROM accounts WHERE id = $1 FOR NO KEY UPDATE

-- save_account: the settings of an account
UPDATE accounts
   SET currency = $2, timezone = $3, registry_enabled = $4, owner_privacy = $5, retry_intervals_s = $6,
       private_targets = $7, charging_stopped_at = $8, charging_stopped_by = $9, retention_days = $10,
       version = version + 1, updated_at = now()
 WHERE id = $1

-- find_account: the account of a name
SELECT * FROM accounts WHERE name = $1

-- list_accounts: every account by name
SELECT * FROM accounts ORDER BY name

-- hold_start: let one process at a time make what a first start makes
SELECT pg_advisory_xact_lock(hashtextextended('daybook first start', 0))
