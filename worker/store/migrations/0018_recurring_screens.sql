-- Recurring orders and checkouts on screen (C7, C8, P1). Who charges a recurring order is a filter of the list.

CREATE INDEX recurring_orders_managed ON recurring_orders (account_id, managed_by, created_at, id);

-- Checkouts that are not open yet, or never will be: few, and looked for.
CREATE INDEX checkouts_unopened ON checkouts (account_id, created_at, id) WHERE state <> 'opened';
