-- Retention (Q8): the bodies of settled events are kept for so many days; null keeps them for ever.
ALTER TABLE accounts ADD COLUMN retention_days integer DEFAULT 90 CHECK (retention_days BETWEEN 1 AND 36500);

-- Since when an event has no body and no headers any more. Its row stays, so that a second delivery is still one.
ALTER TABLE events ADD COLUMN pruned_at timestamptz;

-- How far an account's events have been looked at, in the order of their receipt.
CREATE TABLE retention (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    received_at timestamptz NOT NULL DEFAULT 'epoch',
    event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    kept_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- how far `retained_events` was looked at again
    pruned bigint NOT NULL DEFAULT 0,
    ran_at timestamptz,
    next_at timestamptz NOT NULL DEFAULT now()
);

-- Events that were not settled when they were looked at: they are looked at again.
CREATE TABLE retained_events (
    account_id uuid NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (account_id, event_id)
);
