-- add_account: make an account, unless there is one of this name
INSERT INTO accounts (id, name, currency, timezone, registry_enabled) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, currency, timezone, registry_enabled, created_at

-- get_account: one account
SELECT id, name, currency, timezone, registry_enabled, created_at FROM accounts WHERE id = $1

-- find_account: the account of a name
SELECT id, name, currency, timezone, registry_enabled, created_at FROM accounts WHERE name = $1

-- list_accounts: every account by name
SELECT id, name, currency, timezone, registry_enabled, created_at FROM accounts ORDER BY name

-- hold_start: let one process at a time make what a first start makes
SELECT pg_advisory_xact_lock(hashtextextended('daybook first start', 0))
