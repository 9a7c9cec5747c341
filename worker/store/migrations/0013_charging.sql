-- Charging (C6): each try to charge a cycle is written down before Stripe is asked, and settled once.

ALTER TABLE accounts ADD COLUMN charging_stopped_at timestamptz; -- while it is set nothing of this account is charged
CREATE INDEX accounts_charging_stopped ON accounts (id) WHERE charging_stopped_at IS NOT NULL;

CREATE TABLE charge_attempts (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    recurring_order_id uuid NOT NULL,
    cycle integer NOT NULL,
    number integer NOT NULL, -- 1, 2, 3 within the cycle
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('scheduled', 'manual', 'method')),
    state text NOT NULL CHECK (state IN ('created', 'sent', 'unknown', 'succeeded', 'declined', 'abandoned')),
    connection_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    parameters jsonb NOT NULL, -- what Stripe is asked with, frozen: one key is never sent with two meanings
    payment_intent_id text,
    key_round integer NOT NULL DEFAULT 1,
    keyed_at timestamptz, -- when the keys of this round were first sent
    fence bigint NOT NULL DEFAULT 0, -- counted up by each claim: who claimed before can settle nothing any more
    lease_until timestamptz,
    next_check_at timestamptz, -- when a worker has to look at it
    checks integer NOT NULL DEFAULT 0,
    final boolean NOT NULL DEFAULT false, -- declined for good
    refused boolean NOT NULL DEFAULT false, -- Stripe refused to try
    code text,
    reason text,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    settled_at timestamptz,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, recurring_order_id, cycle, number),
    UNIQUE (account_id, payment_intent_id),
    FOREIGN KEY (account_id, recurring_order_id) REFERENCES recurring_orders,
    CHECK ((state IN ('created', 'sent', 'unknown')) = (next_check_at IS NOT NULL)),
    CHECK ((state IN ('created', 'sent', 'unknown')) = (settled_at IS NULL)),
    CHECK (state NOT IN ('sent', 'unknown') OR (payment_intent_id IS NOT NULL AND sent_at IS NOT NULL))
);
-- One open attempt a cycle, whoever arms it at the same moment; and one cycle at a time.
CREATE UNIQUE INDEX charge_attempts_open ON charge_attempts (account_id, recurring_order_id)
    WHERE state IN ('created', 'sent', 'unknown');
CREATE INDEX charge_attempts_due ON charge_attempts (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX charge_attempts_created ON charge_attempts (account_id, recurring_order_id, created_at, id);
CREATE INDEX charge_attempts_order ON charge_attempts (account_id, order_id);
CREATE INDEX charge_attempts_unknown ON charge_attempts (account_id, sent_at) WHERE state = 'unknown';
