-- The spine: accounts, connections, the inbox, dossiers, contacts, orders, payments.
-- Every business table carries the account in its key and in every unique constraint, so that all of it can be
-- sharded by account. The named exceptions are the two directories that a request must find before it knows its account.

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    currency text NOT NULL DEFAULT 'BRL' CHECK (currency ~ '^[A-Z]{3}$'),
    timezone text NOT NULL DEFAULT 'UTC',
    registry_enabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Serial numbers without gaps: a number is taken at the end of the transaction that makes its row.
CREATE TABLE counters (
    account_id uuid NOT NULL REFERENCES accounts,
    name text NOT NULL,
    value bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE connections (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    provider text NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    secrets bytea NOT NULL, -- encrypted; never leaves the vault in clear
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);

-- Directory: which account a webhook address belongs to.
CREATE TABLE connection_directory (
    name text PRIMARY KEY,
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    FOREIGN KEY (account_id, connection_id) REFERENCES connections
);

CREATE TABLE tokens (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'manager', 'rep')),
    permissions text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (account_id, id)
);

-- Directory: which token a bearer's hash is. Also holds sign-in links (used once) and browser sessions.
CREATE TABLE token_directory (
    hash bytea PRIMARY KEY,
    account_id uuid NOT NULL,
    token_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('bearer', 'link', 'session')),
    expires_at timestamptz,
    FOREIGN KEY (account_id, token_id) REFERENCES tokens
);

-- The inbox: one row per verified delivery, written once and never changed.
CREATE TABLE events (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    dedupe bytea NOT NULL CHECK (length(dedupe) = 16),
    delivery_id text NOT NULL,
    topic text NOT NULL,
    lane text NOT NULL CHECK (lane IN ('payments', 'orders', 'bulk')),
    livemode boolean NOT NULL,
    id_conflict boolean NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL,
    headers text NOT NULL, -- JSON; text, since a hostile header need not be valid jsonb
    body bytea NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, connection_id, dedupe)
) WITH (toast_tuple_target = 8160);
ALTER TABLE events ALTER COLUMN body SET STORAGE MAIN;
CREATE INDEX events_delivery ON events (account_id, connection_id, delivery_id);
CREATE INDEX events_received ON events (account_id, received_at, id);

-- What became of each event: narrow, so that marking one never rewrites its body.
CREATE TABLE event_states (
    account_id uuid NOT NULL,
    event_id uuid NOT NULL,
    lane text NOT NULL,
    state text NOT NULL DEFAULT 'received'
        CHECK (state IN ('received', 'applied', 'ignored', 'waiting', 'retrying', 'dead')),
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    settled_at timestamptz,
    dossier_id uuid,
    PRIMARY KEY (account_id, event_id),
    CHECK ((state IN ('received', 'retrying')) = (next_attempt_at IS NOT NULL))
);
CREATE INDEX event_states_due ON event_states (next_attempt_at, event_id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX event_states_open ON event_states (account_id, state, event_id)
    WHERE state IN ('received', 'waiting', 'retrying', 'dead');
CREATE INDEX event_states_ignored ON event_states (account_id, event_id) WHERE state = 'ignored';
CREATE INDEX event_states_dossier ON event_states (account_id, dossier_id) WHERE dossier_id IS NOT NULL;

-- Batches under way: written before the work begins, gone with the commit that settles it. One that is left behind by
-- a worker that died counts an attempt for each of its events, so that an event that kills its worker cannot loop.
CREATE TABLE batches (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    worker text NOT NULL,
    event_ids uuid[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);

CREATE TABLE workers (
    name text PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    running jsonb NOT NULL DEFAULT '{}'
);

-- All that is stated of one sale. An order has the id of its dossier; a dossier that nothing claims has no order.
CREATE TABLE dossiers (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    content bytea NOT NULL, -- JSON of schemas.fact.Dossier
    PRIMARY KEY (account_id, id)
);

CREATE TABLE links (
    account_id uuid NOT NULL,
    key text NOT NULL,
    dossier_id uuid NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX links_dossier ON links (account_id, dossier_id);

-- Names of orders of ours that a sender mentioned, for the order that is made only later.
CREATE TABLE refs (
    account_id uuid NOT NULL,
    ref text NOT NULL,
    dossier_id uuid NOT NULL,
    PRIMARY KEY (account_id, ref, dossier_id)
);
CREATE INDEX refs_dossier ON refs (account_id, dossier_id);

CREATE TABLE contacts (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    email text,
    name text,
    phone text,
    anonymous boolean NOT NULL DEFAULT false,
    stated_at jsonb NOT NULL DEFAULT '{}', -- per field, microseconds: the latest statement wins
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX contacts_email ON contacts (account_id, email);

CREATE TABLE contact_keys (
    account_id uuid NOT NULL,
    key text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (account_id, key),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts
);
CREATE INDEX contact_keys_contact ON contact_keys (account_id, contact_id);

CREATE TABLE orders (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    number bigint,
    origin text NOT NULL,
    external_id text,
    external_number text,
    title text NOT NULL,
    slug text NOT NULL,
    type text NOT NULL CHECK (type IN
        ('sale', 'purchase', 'transfer', 'invoice', 'shipping', 'return', 'cart', 'quote', 'opportunity')),
    template text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'new', 'processing', 'completed', 'void')),
    payment_status text NOT NULL CHECK (payment_status IN
        ('pending', 'paid', 'partially_paid', 'overdue', 'refunded', 'canceled', 'failed')),
    shipping_status text NOT NULL CHECK (shipping_status IN
        ('unshipped', 'partially_shipped', 'shipped', 'delivered', 'returned', 'canceled')),
    source text NOT NULL CHECK (source IN ('manual', 'webhook', 'api', 'payments', 'commerce')),
    managed_by text NOT NULL CHECK (managed_by IN ('stripe', 'manual')),
    sales_status text NOT NULL CHECK (sales_status IN ('open', 'completed', 'declined', 'refund')),
    sale_kind text NOT NULL CHECK (sale_kind IN ('system', 'user')),
    sale_confirmed_at timestamptz,
    sale_confirmed_by text,
    payment_type text NOT NULL CHECK (payment_type IN ('full', 'partial')),
    livemode boolean NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL,
    shipping_amount bigint NOT NULL,
    amount_paid bigint NOT NULL,
    amount_refunded bigint NOT NULL,
    is_paid boolean NOT NULL,
    ordered_at timestamptz NOT NULL,
    paid_at timestamptz,
    due_at timestamptz,
    notes text,
    billing_address jsonb,
    shipping_address jsonb,
    tracking_url text,
    contact_id uuid NOT NULL,
    deal_id uuid,
    owner_id uuid,
    manager_id uuid,
    offer_id uuid,
    parent_id uuid,
    location_id uuid,
    destination_location_id uuid,
    stripe jsonb NOT NULL,
    summary jsonb NOT NULL,
    refunds jsonb NOT NULL,
    disputes jsonb NOT NULL,
    rule text NOT NULL,
    derived bytea NOT NULL, -- JSON of schemas.order.Order as last saved: what the next change is measured against
    request bytea, -- the normalised request that made an order over the API
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    UNIQUE (account_id, origin, external_id),
    UNIQUE (account_id, number) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX orders_slug ON orders (account_id, type, slug);
CREATE INDEX orders_created ON orders (account_id, created_at, id);
CREATE INDEX orders_external ON orders (account_id, external_id);
CREATE INDEX orders_contact ON orders (account_id, contact_id);
CREATE INDEX orders_due ON orders (due_at)
    WHERE due_at IS NOT NULL AND payment_status IN ('pending', 'partially_paid');

-- Orders that turned out to be the same sale as another: the number stays accounted for, the old id still leads on.
CREATE TABLE order_merges (
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    number bigint NOT NULL,
    into_order_id uuid NOT NULL,
    merged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, order_id)
);
CREATE INDEX order_merges_into ON order_merges (account_id, into_order_id);

CREATE TABLE order_items (
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    id uuid NOT NULL,
    position integer NOT NULL,
    key text NOT NULL,
    sku text,
    name text NOT NULL,
    quantity numeric NOT NULL,
    unit_price bigint NOT NULL,
    tax_rate numeric,
    discount bigint NOT NULL,
    subtotal bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL,
    delivery_method text,
    service boolean NOT NULL,
    PRIMARY KEY (account_id, order_id, id),
    FOREIGN KEY (account_id, order_id) REFERENCES orders ON DELETE CASCADE
);

CREATE TABLE order_charges (
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    id uuid NOT NULL,
    position integer NOT NULL,
    key text NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('discount', 'promotion', 'tax', 'shipping', 'surcharges', 'additional_cost', 'other', 'price_adjustment')),
    mode text NOT NULL CHECK (mode IN ('fixed', 'percent')),
    "of" text CHECK ("of" IN ('subtotal', 'running')),
    value numeric NOT NULL,
    sign smallint NOT NULL CHECK (sign IN (-1, 1)),
    amount bigint NOT NULL,
    label text,
    PRIMARY KEY (account_id, order_id, id),
    FOREIGN KEY (account_id, order_id) REFERENCES orders ON DELETE CASCADE
);

-- Payments, with or without an order: one that nothing claims yet keeps its row.
CREATE TABLE payments (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    number bigint,
    key text NOT NULL,
    dossier_id uuid NOT NULL,
    order_id uuid,
    status text NOT NULL CHECK (status IN ('pending', 'processing', 'requires_action', 'succeeded', 'failed', 'canceled')),
    amount bigint NOT NULL,
    currency text NOT NULL,
    counted bigint NOT NULL,
    system text NOT NULL,
    merchant text,
    method text,
    one_click boolean NOT NULL,
    fee bigint,
    net bigint,
    failure_code text,
    failure_reason text,
    comment text,
    attempted_at timestamptz,
    paid_at timestamptz,
    refunded bigint NOT NULL,
    dispute text,
    stated boolean NOT NULL,
    flag text,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, key),
    UNIQUE (account_id, number) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX payments_dossier ON payments (account_id, dossier_id);

-- Everything that ever changed on an order: when, who or which events, which fields from what to what.
CREATE TABLE timeline (
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL, -- `event`, `token:<name>`, `daybook`
    events uuid[] NOT NULL DEFAULT '{}',
    changes jsonb NOT NULL,
    PRIMARY KEY (account_id, order_id, id)
);

-- What Stripe manages is changed by what Stripe states and by nothing else. Deriving an order from its facts says so
-- in its transaction; every other statement that touches a locked field is refused.
CREATE FUNCTION daybook_deriving() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT coalesce(current_setting('daybook.deriving', true), '') = 'on' $$;

CREATE FUNCTION refuse_locked_fields() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    locked text[] := '{}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'order % is managed by Stripe and cannot be deleted; void it instead', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stripe_managed';
    END IF;
    SELECT coalesce(array_agg(field ORDER BY field), '{}') INTO locked
      FROM jsonb_each(to_jsonb(OLD)) AS before (field, value)
     WHERE field = ANY ('{origin,external_id,payment_status,managed_by,source,sales_status,livemode,currency,amount,shipping_amount,amount_paid,amount_refunded,is_paid,paid_at,stripe,summary,refunds,disputes,derived}'::text[])
       AND to_jsonb(NEW) -> field IS DISTINCT FROM value;
    IF locked <> '{}' THEN
        RAISE EXCEPTION 'order % is managed by Stripe: % cannot be changed here', OLD.id, array_to_string(locked, ', ')
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stripe_managed',
                  HINT = 'Change it at Stripe; the webhook brings it here.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER orders_locked BEFORE UPDATE OR DELETE ON orders
    FOR EACH ROW WHEN (OLD.managed_by = 'stripe' AND NOT daybook_deriving()) EXECUTE FUNCTION refuse_locked_fields();

CREATE FUNCTION refuse_locked_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN touched ELSE to_jsonb(OLD) END;
BEGIN
    IF EXISTS (
        SELECT FROM orders WHERE managed_by = 'stripe' AND account_id = (touched ->> 'account_id')::uuid
           AND id IN ((touched ->> 'order_id')::uuid, (before ->> 'order_id')::uuid)) THEN
        RAISE EXCEPTION '% of order % cannot be changed here: Stripe manages them', TG_TABLE_NAME, touched ->> 'order_id'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stripe_managed',
                  HINT = 'Change it at Stripe; the webhook brings it here.';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER order_items_locked BEFORE INSERT OR UPDATE OR DELETE ON order_items
    FOR EACH ROW WHEN (NOT daybook_deriving()) EXECUTE FUNCTION refuse_locked_rows();
CREATE TRIGGER order_charges_locked BEFORE INSERT OR UPDATE OR DELETE ON order_charges
    FOR EACH ROW WHEN (NOT daybook_deriving()) EXECUTE FUNCTION refuse_locked_rows();
CREATE TRIGGER payments_locked BEFORE INSERT OR UPDATE OR DELETE ON payments
    FOR EACH ROW WHEN (NOT daybook_deriving()) EXECUTE FUNCTION refuse_locked_rows();
