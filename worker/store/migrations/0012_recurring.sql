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
