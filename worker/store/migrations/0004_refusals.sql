-- Refused deliveries: counted by connection, minute and likely cause; the newest of each connection kept for a second look.
CREATE TABLE refusals (
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    minute timestamptz NOT NULL,
    cause text NOT NULL,
    count bigint NOT NULL,
    skew_s bigint, -- the last measured: above zero the signature was old, below zero it was ahead
    hint text, -- the name of the connection whose secret it was, where it was another's
    last_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, connection_id, minute, cause),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections
);
CREATE INDEX refusals_minute ON refusals (minute);

-- Of the whole installation: a name that nobody has belongs to no account.
CREATE TABLE unknown_refusals (
    minute timestamptz PRIMARY KEY,
    count bigint NOT NULL
);

CREATE TABLE quarantine (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    cause text NOT NULL,
    skew_s bigint,
    hint text,
    headers text NOT NULL,
    query text NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) <= 65536),
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections
);
CREATE INDEX quarantine_connection ON quarantine (account_id, connection_id, id);
CREATE INDEX quarantine_received ON quarantine (received_at);

-- Secrets that are not valid any more, sealed: they let nobody in, they only tell who still signs with them.
ALTER TABLE connections ADD COLUMN former_secrets bytea;
