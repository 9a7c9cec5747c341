-- What was answered under an `Idempotency-Key`, for a day (H4). A row without a status is an attempt under way: its lease
-- ends by itself, should the process that made it die.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL REFERENCES accounts,
    key text NOT NULL,
    token_id uuid NOT NULL,
    fingerprint bytea NOT NULL, -- of method, path, query and body
    attempt_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    status smallint,
    headers jsonb,
    body bytea,
    sealed boolean NOT NULL DEFAULT false, -- the body holds a secret, and is encrypted
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- What payments are listed by: their number, which UNIQUE (account_id, number) orders, alone or within one of these.
CREATE INDEX payments_status ON payments (account_id, status, number);
CREATE INDEX payments_system ON payments (account_id, system, number);
CREATE INDEX payments_currency ON payments (account_id, currency, number);
CREATE INDEX payments_attempted ON payments (account_id, attempted_at);
CREATE INDEX payments_unclaimed ON payments (account_id, number) WHERE order_id IS NULL;
