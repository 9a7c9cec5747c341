-- Recurring orders on screen (C7, C8): whose they are to charge is a filter of the list; who stopped all charging is said.

CREATE INDEX recurring_orders_managed ON recurring_orders (account_id, managed_by, created_at, id);

ALTER TABLE accounts ADD COLUMN charging_stopped_by text; -- who stopped it, as the timeline names them
