-- Stock (T4): the ledger of every movement, and what it sums to.

-- Written once and never changed. What is wrong is put right by another movement.
CREATE TABLE stock_movements (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid, -- the order whose effect changed; an order that was merged into another keeps its movements
    location_id uuid NOT NULL,
    sku text NOT NULL CHECK (sku <> '' AND length(sku) <= 255),
    bucket text NOT NULL CHECK (bucket IN ('on_hand', 'reserved', 'incoming')),
    quantity numeric NOT NULL, -- signed; 0 only for a count that found what was expected
    at timestamptz NOT NULL,
    actor text NOT NULL, -- `event`, `token:<name>`, `daybook`
    reason text, -- of an adjustment, which has no order
    PRIMARY KEY (account_id, id),
    CHECK ((order_id IS NULL) = (reason IS NOT NULL)),
    CHECK (quantity <> 0 OR order_id IS NULL)
);
CREATE INDEX stock_movements_at ON stock_movements (account_id, at, id);
CREATE INDEX stock_movements_order ON stock_movements (account_id, order_id, at, id) WHERE order_id IS NOT NULL;
CREATE INDEX stock_movements_location ON stock_movements (account_id, location_id, at, id);
CREATE INDEX stock_movements_sku ON stock_movements (account_id, sku, at, id);

CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the stock ledger is only added to' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'stock_ledger', HINT = 'Put it right with an adjustment: POST /api/v1/stock/adjustments.';
END $$;
CREATE TRIGGER stock_movements_kept BEFORE UPDATE OR DELETE ON stock_movements
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();

-- What is in each bucket: the sum of its movements, kept by the statement that adds them.
CREATE TABLE stock_levels (
    account_id uuid NOT NULL,
    location_id uuid NOT NULL,
    sku text NOT NULL,
    bucket text NOT NULL CHECK (bucket IN ('on_hand', 'reserved', 'incoming')),
    quantity numeric NOT NULL,
    PRIMARY KEY (account_id, location_id, sku, bucket)
);
CREATE INDEX stock_levels_sku ON stock_levels (account_id, sku, location_id);
CREATE INDEX stock_levels_negative ON stock_levels (account_id, sku, location_id)
    WHERE bucket = 'on_hand' AND quantity < 0;
