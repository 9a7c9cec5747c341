-- Order templates of an account (T1). Each type has a built-in one in the code; a row of the same slug takes its place.
CREATE TABLE order_templates (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL,
    type text NOT NULL CHECK (type IN
        ('sale', 'purchase', 'transfer', 'invoice', 'shipping', 'return', 'cart', 'quote', 'opportunity')),
    title text NOT NULL,
    slug_pattern text NOT NULL,
    children jsonb NOT NULL,
    price_list text,
    moves_stock boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, slug)
);

ALTER TABLE orders ADD COLUMN moves_stock boolean NOT NULL DEFAULT true; -- what its template said when it was made
