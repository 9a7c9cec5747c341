-- Reports of completed sales by when they were paid (S4). One that was paid in part and confirmed counts when it was made.
CREATE INDEX orders_completed ON orders (account_id, coalesce(paid_at, ordered_at)) WHERE sales_status = 'completed';
