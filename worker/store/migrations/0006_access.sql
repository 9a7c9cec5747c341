-- Access: settings of accounts, deals, who owns what, and events that are kept while a registry is off.

ALTER TABLE accounts
    ADD COLUMN owner_privacy boolean NOT NULL DEFAULT false,
    ADD COLUMN retry_intervals_s integer[] NOT NULL DEFAULT '{86400,259200}',
    ADD COLUMN private_targets boolean NOT NULL DEFAULT false,
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE contacts
    ADD COLUMN owner_id uuid,
    ADD FOREIGN KEY (account_id, owner_id) REFERENCES tokens;
CREATE INDEX contacts_owner ON contacts (account_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;

CREATE TABLE deals (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    title text NOT NULL,
    contact_id uuid,
    owner_id uuid,
    status text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    amount bigint,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    FOREIGN KEY (account_id, owner_id) REFERENCES tokens,
    CHECK (amount IS NULL OR currency IS NOT NULL)
);
CREATE INDEX deals_created ON deals (account_id, created_at, id);
CREATE INDEX deals_contact ON deals (account_id, contact_id, created_at, id) WHERE contact_id IS NOT NULL;
CREATE INDEX deals_owner ON deals (account_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX deals_title_words ON deals USING gin (to_tsvector('simple', regexp_replace(title, '\W+', ' ', 'g')));

CREATE INDEX orders_deal ON orders (account_id, deal_id, created_at, id) WHERE deal_id IS NOT NULL;
CREATE INDEX orders_owner ON orders (account_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;

-- The wallet, said once: whose an order is, by its contact and by its deal. An order may have two owners, or none.
CREATE VIEW order_owners AS
SELECT o.account_id, o.id AS order_id, c.owner_id
  FROM orders o JOIN contacts c ON c.account_id = o.account_id AND c.id = o.contact_id
 WHERE c.owner_id IS NOT NULL
UNION ALL
SELECT o.account_id, o.id, d.owner_id
  FROM orders o JOIN deals d ON d.account_id = o.account_id AND d.id = o.deal_id
 WHERE d.owner_id IS NOT NULL;

-- And whose an event is: the owners of the order that it is part of. What is part of no order is nobody's.
CREATE VIEW event_owners AS
SELECT s.account_id, s.event_id, w.owner_id
  FROM order_owners w JOIN event_states s ON s.account_id = w.account_id AND s.dossier_id = w.order_id;

-- When an event that was kept for a registry that was off was let go: its age counts from then on.
ALTER TABLE event_states ADD COLUMN released_at timestamptz;
CREATE INDEX event_states_kept ON event_states (account_id, event_id)
    WHERE state = 'waiting' AND reason = 'registry_off';
