-- The outgoing feed (H5): who wants to be told, what there is to tell, and what became of each telling.

ALTER TABLE accounts ADD COLUMN IF NOT EXISTS private_targets boolean NOT NULL DEFAULT false;

CREATE TABLE feed_subscribers (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    url text NOT NULL,
    description text,
    types text[], -- null: all
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
    reason text, -- why it was disabled
    secret bytea NOT NULL, -- sealed
    former_secret bytea, -- sealed; signs beside the new one until its time is over
    former_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    removed_at timestamptz, -- from here on nobody sees it; its rows go a few at a time
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CHECK ((former_secret IS NULL) = (former_until IS NULL))
);
CREATE INDEX feed_subscribers_removed ON feed_subscribers (removed_at) WHERE removed_at IS NOT NULL;

-- How many events each subject (an order) has had: a number of its own that outlives what is pruned.
CREATE TABLE feed_sequences (
    account_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (account_id, subject_id)
);

-- The outbox: written by the transaction that changed the subject, sent as it was written.
CREATE TABLE feed_events (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    subject_id uuid NOT NULL,
    sequence bigint NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, subject_id, sequence)
);
CREATE INDEX feed_events_created ON feed_events (created_at);

-- One event for one subscriber. It is open while `next_attempt_at` is set; while `lease` is set as well, a worker is
-- sending it, and has until then.
CREATE TABLE feed_deliveries (
    account_id uuid NOT NULL,
    subscriber_id uuid NOT NULL,
    event_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    sequence bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'retrying', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    lease uuid,
    last_attempt_at timestamptz,
    last_status integer,
    last_error text,
    last_answer text, -- the beginning of it, of a failure
    settled_at timestamptz,
    PRIMARY KEY (account_id, subscriber_id, event_id),
    FOREIGN KEY (account_id, subscriber_id) REFERENCES feed_subscribers,
    FOREIGN KEY (account_id, event_id) REFERENCES feed_events,
    CHECK ((state IN ('pending', 'retrying')) = (next_attempt_at IS NOT NULL)),
    CHECK (lease IS NULL OR next_attempt_at IS NOT NULL),
    CHECK ((settled_at IS NULL) = (next_attempt_at IS NOT NULL)),
    CHECK (octet_length(last_answer) <= 1024 AND octet_length(last_error) <= 1024)
);
CREATE INDEX feed_deliveries_due ON feed_deliveries (account_id, subscriber_id, next_attempt_at, event_id)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX feed_deliveries_queue ON feed_deliveries (account_id, subscriber_id, subject_id, sequence)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX feed_deliveries_leased ON feed_deliveries (account_id, subscriber_id, next_attempt_at)
    WHERE lease IS NOT NULL;
CREATE INDEX feed_deliveries_state ON feed_deliveries (account_id, subscriber_id, state, event_id);
CREATE INDEX feed_deliveries_event ON feed_deliveries (account_id, event_id);
