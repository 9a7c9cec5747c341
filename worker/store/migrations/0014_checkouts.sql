-- Checkouts (P1): each is written down before Stripe is asked for its session, so that what was killed in between is
-- taken up; the order is made by the transaction that notes the session.

CREATE TABLE checkouts (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'opening' CHECK (state IN ('opening', 'opened', 'refused', 'given_up')),
    request_key text, -- digest of the Idempotency-Key it was asked for with: who comes again within a day finds it
    contact_id uuid NOT NULL,
    order_id uuid NOT NULL, -- the order that it pays for, or the id that its own order gets
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount > 0),
    params bytea NOT NULL, -- JSON of Stripe's parameters, the same for every try
    lines bytea NOT NULL, -- JSON of the order's lines
    stated bytea, -- JSON of what was asked of the order beside its lines; none where it pays for one that there is
    actor text NOT NULL,
    session_id text,
    url text,
    problem text, -- why Stripe refused it
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz, -- while it is being opened: from then on anybody may take it up
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    opened_at timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, connection_id) REFERENCES connections,
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    UNIQUE (account_id, request_key),
    UNIQUE (account_id, session_id),
    CHECK ((state = 'opening') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'opened') = (session_id IS NOT NULL))
);
CREATE INDEX checkouts_due ON checkouts (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX checkouts_created ON checkouts (account_id, created_at, id);
CREATE INDEX checkouts_contact ON checkouts (account_id, contact_id, id);
CREATE INDEX checkouts_order ON checkouts (account_id, order_id);

-- The funnel (P7) reads orders that have a session by when it was opened.
CREATE INDEX orders_checkouts ON orders (account_id, ordered_at) WHERE stripe ? 'checkout_session_id';
