-- Recurring orders (C1-C8): plans that make an order on each due date and charge it, and Stripe's own subscriptions
-- beside them, which are shown and never charged.

CREATE TABLE recurring_orders (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    number bigint,
    title text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'active', 'processing', 'paused', 'completed', 'failed')),
    managed_by text NOT NULL CHECK (managed_by IN ('stripe', 'manual')),
    connection_id uuid,
    contact_id uuid,
    offer_id uuid,
    owner_id uuid,
    livemode boolean NOT NULL,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint,
    items jsonb NOT NULL, -- the lines of each order, priced as they were sold
    "interval" jsonb, -- {"unit": "month", "count": 1}
    timezone text NOT NULL,
    anchor_at timestamptz NOT NULL, -- the first due date: every other is counted from it
    total_payments integer CHECK (total_payments > 0),
    payments_made integer NOT NULL DEFAULT 0,
    cycle integer NOT NULL DEFAULT 0, -- the due date that is next, or whose order is not paid yet
    next_payment_at timestamptz,
    order_id uuid, -- the order of the cycle, until it is paid
    tries integer NOT NULL DEFAULT 0,
    refusals integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    attempt_id uuid, -- the open attempt
    after_outcome text CHECK (after_outcome IN ('paused', 'completed')),
    held boolean NOT NULL DEFAULT false,
    failure_code text,
    failure_reason text,
    due_at timestamptz, -- when a worker has to do something; null where nothing is due, or the open attempt says when
    stripe_customer_id text,
    stripe_payment_method_id text,
    stripe_subscription_id text,
    completed_at timestamptz,
    failed_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, number),
    CONSTRAINT recurring_orders_connection_unknown FOREIGN KEY (account_id, connection_id) REFERENCES connections,
    CONSTRAINT recurring_orders_contact_unknown FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    CONSTRAINT recurring_orders_offer_unknown FOREIGN KEY (account_id, offer_id) REFERENCES offers,
    CONSTRAINT recurring_orders_owner_unknown FOREIGN KEY (account_id, owner_id) REFERENCES tokens,
    CHECK (status <> 'processing' OR attempt_id IS NOT NULL OR managed_by = 'stripe'),
    CHECK (attempt_id IS NULL OR (status IN ('pending', 'processing') AND order_id IS NOT NULL)),
    CHECK (due_at IS NULL OR (managed_by = 'manual' AND status IN ('pending', 'active') AND attempt_id IS NULL AND NOT held)),
    CHECK (managed_by = 'stripe' OR (contact_id IS NOT NULL AND connection_id IS NOT NULL AND currency IS NOT NULL
        AND amount > 0 AND "interval" IS NOT NULL AND stripe_customer_id IS NOT NULL
        AND stripe_payment_method_id IS NOT NULL)),
    CHECK (total_payments IS NULL OR payments_made <= total_payments OR status IN ('completed', 'failed'))
);
CREATE INDEX recurring_orders_due ON recurring_orders (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX recurring_orders_created ON recurring_orders (account_id, created_at, id);
CREATE INDEX recurring_orders_status ON recurring_orders (account_id, status, created_at, id);
CREATE INDEX recurring_orders_contact ON recurring_orders (account_id, contact_id, created_at, id);
CREATE INDEX recurring_orders_offer ON recurring_orders (account_id, offer_id, created_at, id) WHERE offer_id IS NOT NULL;
CREATE INDEX recurring_orders_owner ON recurring_orders (account_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX recurring_orders_held ON recurring_orders (account_id, created_at, id) WHERE held;
CREATE INDEX recurring_orders_refused ON recurring_orders (account_id, id) WHERE refusals > 0;

-- Which recurring order an order is a payment of. No reference: a subscription's invoice may come before it.
ALTER TABLE orders ADD COLUMN recurring_order_id uuid;
CREATE INDEX orders_recurring ON orders (account_id, recurring_order_id, created_at, id)
    WHERE recurring_order_id IS NOT NULL;

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
