-- connections_state: one value that changes whenever any connection is added, changed or removed
SELECT count(*) AS connections, sum(version)::bigint AS versions, max(updated_at) AS latest FROM connections

-- read_connections: every connection of every account, as the receivers need them
SELECT account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at FROM connections ORDER BY name

-- get_connection: one connection of an account
SELECT account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at
  FROM connections WHERE account_id = $1 AND id = $2

-- find_connection: the connection of a name, whoever's it is
SELECT c.account_id, c.id, c.name, c.provider, c.settings, c.secrets, c.former_secrets, c.version, c.created_at, c.updated_at
  FROM connection_directory d
  JOIN connections c ON c.account_id = d.account_id AND c.id = d.connection_id
 WHERE d.name = $1

-- list_connections: the connections of an account, newest first, those before a given id
SELECT account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at
  FROM connections
 WHERE account_id = $1 AND ($2::uuid IS NULL OR id < $2)
 ORDER BY id DESC
 LIMIT $3

-- hold_connection: one connection, held until the end of the transaction
SELECT account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at
  FROM connections WHERE account_id = $1 AND id = $2 FOR UPDATE

-- name_connection: take a name; names are unique over all accounts, since an address holds nothing else
INSERT INTO connection_directory (name, account_id, connection_id) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING
RETURNING name

-- add_connection: a new connection
INSERT INTO connections (account_id, id, name, provider, settings, secrets, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp())
RETURNING account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at

-- update_connection: new secrets or settings; every receiver sees the new version within two seconds
UPDATE connections SET settings = $3, secrets = $4, former_secrets = $5, version = version + 1, updated_at = clock_timestamp()
 WHERE account_id = $1 AND id = $2
RETURNING account_id, id, name, provider, settings, secrets, former_secrets, version, created_at, updated_at

-- of_provider: the connections of an account to one provider
SELECT id, name FROM connections WHERE account_id = $1 AND provider = $2 ORDER BY name
