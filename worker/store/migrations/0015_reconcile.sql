-- Gap filling (Q9): what a platform lists is compared with the inbox, and what is missing goes through it.

-- Had from the platform's list: a later delivery of the same id, whatever its bytes, is a duplicate of it.
ALTER TABLE events ADD COLUMN fetched boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX events_fetched ON events (account_id, connection_id, delivery_id) WHERE fetched;

-- Until when a connection's deliveries have been compared, and when that is to be done again.
CREATE TABLE reconcile_schedules (
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    covered_until timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, connection_id),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections
);

-- One comparison: a page of the platform's list at a time, each counted by the commit that stores what it lacked.
CREATE TABLE reconciliations (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    asked_by text NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    place text, -- the last event of the list that was looked at
    reached timestamptz, -- its time: the list goes back from `until`
    problem text,
    attempts integer NOT NULL DEFAULT 0, -- in vain, one after the other
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections,
    CHECK (since < until),
    CHECK ((state = 'running') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX reconciliations_due ON reconciliations (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX reconciliations_connection ON reconciliations (account_id, connection_id, created_at, id);

CREATE TABLE reconciled_days (
    account_id uuid NOT NULL,
    reconciliation_id uuid NOT NULL,
    day date NOT NULL, -- UTC, as Stripe's dashboard has it by default
    platform integer NOT NULL, -- listed
    received integer NOT NULL, -- of these, there before
    applied integer NOT NULL, -- of these, applied or ignored when they were looked at
    PRIMARY KEY (account_id, reconciliation_id, day),
    FOREIGN KEY (account_id, reconciliation_id) REFERENCES reconciliations
);

CREATE TABLE reconciled_differences (
    account_id uuid NOT NULL,
    reconciliation_id uuid NOT NULL,
    event_id uuid NOT NULL,
    delivery_id text NOT NULL,
    topic text NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing', 'not_applied')),
    PRIMARY KEY (account_id, reconciliation_id, event_id),
    FOREIGN KEY (account_id, reconciliation_id) REFERENCES reconciliations
);
CREATE INDEX reconciled_differences_place ON reconciled_differences
    (account_id, reconciliation_id, occurred_at, event_id);

-- Up to which delivery of a connection it has been asked what payments cost: webhooks only name the balance transaction.
CREATE TABLE fee_marks (
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    event_id uuid NOT NULL,
    next_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, connection_id),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections
);
