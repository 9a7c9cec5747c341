-- A customer's newest orders, however many there are, and how many there are of them.
DROP INDEX orders_contact;
CREATE INDEX orders_contact ON orders (account_id, contact_id, created_at, id);
