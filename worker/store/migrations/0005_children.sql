-- Children of orders (T5): which lines of a parent its children carry.

ALTER TABLE order_items ADD COLUMN parent_line text; -- the key of the parent's line that this one carries

-- A parent's line is in at most one child of each type, whoever asks at the same moment. Voiding a child frees its lines.
CREATE TABLE carried_lines (
    account_id uuid NOT NULL,
    parent_id uuid NOT NULL,
    line_key text NOT NULL,
    type text NOT NULL,
    child_id uuid NOT NULL,
    PRIMARY KEY (account_id, parent_id, line_key, type),
    FOREIGN KEY (account_id, parent_id) REFERENCES orders,
    FOREIGN KEY (account_id, child_id) REFERENCES orders ON DELETE CASCADE
);
CREATE INDEX carried_lines_child ON carried_lines (account_id, child_id);
CREATE INDEX orders_parent ON orders (account_id, parent_id) WHERE parent_id IS NOT NULL;
