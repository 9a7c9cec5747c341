-- The catalogue: locations, products with their templates, price lists and units, offers, sales plans.
-- A constraint whose name ends in `_taken` or `_unknown` names the field that a request got wrong.

CREATE TABLE locations (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT locations_slug_taken UNIQUE (account_id, slug)
);
CREATE INDEX locations_created ON locations (account_id, created_at, id);

CREATE TABLE product_templates (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    columns jsonb NOT NULL, -- schemas.catalog.Column, in the order in which they are shown
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT product_templates_slug_taken UNIQUE (account_id, slug)
);
CREATE INDEX product_templates_created ON product_templates (account_id, created_at, id);

CREATE TABLE products (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('goods', 'service')),
    unit_price bigint,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    tax_rate numeric,
    product_template_id uuid,
    attributes jsonb NOT NULL,
    tracked boolean NOT NULL,
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT products_sku_taken UNIQUE (account_id, sku),
    CONSTRAINT products_product_template_unknown
        FOREIGN KEY (account_id, product_template_id) REFERENCES product_templates,
    CHECK ((unit_price IS NULL) = (currency IS NULL))
);
CREATE INDEX products_created ON products (account_id, created_at, id);
CREATE INDEX products_template ON products (account_id, product_template_id, created_at, id);
CREATE INDEX products_sku_prefix ON products (account_id, lower(sku) text_pattern_ops);
CREATE INDEX products_name_words ON products USING gin (to_tsvector('simple', regexp_replace(name, '\W+', ' ', 'g')));

CREATE TABLE price_lists (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT price_lists_slug_taken UNIQUE (account_id, slug)
);
CREATE INDEX price_lists_created ON price_lists (account_id, created_at, id);

CREATE TABLE price_list_entries (
    account_id uuid NOT NULL,
    price_list_id uuid NOT NULL,
    sku text NOT NULL,
    from_quantity numeric NOT NULL,
    unit_price bigint NOT NULL,
    PRIMARY KEY (account_id, price_list_id, sku, from_quantity),
    FOREIGN KEY (account_id, price_list_id) REFERENCES price_lists
);

-- One row per thing that is sold one by one: which it is, where it is, who has it.
CREATE TABLE units (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    serial_number text NOT NULL,
    contact_id uuid,
    location_id uuid,
    order_id uuid,
    order_item_id uuid, -- of that order; no reference, since an order's lines are written anew when they change
    attributes jsonb NOT NULL,
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT units_serial_number_taken UNIQUE (account_id, product_id, serial_number),
    CONSTRAINT units_product_unknown FOREIGN KEY (account_id, product_id) REFERENCES products,
    CONSTRAINT units_contact_unknown FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    CONSTRAINT units_location_unknown FOREIGN KEY (account_id, location_id) REFERENCES locations,
    CONSTRAINT units_order_unknown FOREIGN KEY (account_id, order_id) REFERENCES orders
);
CREATE INDEX units_created ON units (account_id, created_at, id);
CREATE INDEX units_product ON units (account_id, product_id, created_at, id);
CREATE INDEX units_serial_number ON units (account_id, serial_number);
CREATE INDEX units_contact ON units (account_id, contact_id, created_at, id);
CREATE INDEX units_location ON units (account_id, location_id, created_at, id);
CREATE INDEX units_order ON units (account_id, order_id, created_at, id);

CREATE TABLE offer_categories (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    number bigint,
    name text NOT NULL,
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT offer_categories_name_taken UNIQUE (account_id, name),
    UNIQUE (account_id, number)
);
CREATE INDEX offer_categories_created ON offer_categories (account_id, created_at, id);

CREATE TABLE offers (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    number bigint,
    name text NOT NULL,
    category_id uuid,
    unit_price bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    several_units boolean NOT NULL,
    partial_payment boolean NOT NULL,
    recurring boolean NOT NULL,
    "interval" jsonb, -- {"unit": "month", "count": 1}
    archived boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, number),
    CONSTRAINT offers_category_unknown FOREIGN KEY (account_id, category_id) REFERENCES offer_categories,
    CHECK (recurring = ("interval" IS NOT NULL))
);
CREATE INDEX offers_created ON offers (account_id, created_at, id);
CREATE INDEX offers_category ON offers (account_id, category_id, created_at, id);
CREATE INDEX offers_name_words ON offers USING gin (to_tsvector('simple', regexp_replace(name, '\W+', ' ', 'g')));

CREATE TABLE sales_plans (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    offer_id uuid,
    manager_id uuid NOT NULL,
    note text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CONSTRAINT sales_plans_contact_unknown FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    CONSTRAINT sales_plans_offer_unknown FOREIGN KEY (account_id, offer_id) REFERENCES offers,
    CONSTRAINT sales_plans_manager_unknown FOREIGN KEY (account_id, manager_id) REFERENCES tokens
);
CREATE INDEX sales_plans_contact ON sales_plans (account_id, contact_id, created_at, id);
CREATE INDEX sales_plans_offer ON sales_plans (account_id, contact_id, offer_id, created_at, id);

-- What the product of a line was like when it was sold; none where the catalogue was not asked.
ALTER TABLE order_items ADD COLUMN attributes jsonb;
