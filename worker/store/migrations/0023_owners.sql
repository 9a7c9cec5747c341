-- Whose an order is, asked of the order, and whose an event is, asked of the event: owners come in one array, so that no
-- plan can begin with all that somebody owns, which is a guess that goes wrong for who owns much. Who wants just that, the
-- orders of an owner, asks order_owners.
CREATE VIEW orders_with_owners AS
SELECT o.account_id, o.id AS order_id, ARRAY[
           (SELECT c.owner_id FROM contacts c WHERE c.account_id = o.account_id AND c.id = o.contact_id),
           (SELECT d.owner_id FROM deals d WHERE d.account_id = o.account_id AND d.id = o.deal_id)] AS owners
  FROM orders o;

DROP VIEW event_owners;
CREATE VIEW events_with_owners AS
SELECT s.account_id, s.event_id, w.owners
  FROM event_states s JOIN orders_with_owners w ON w.account_id = s.account_id AND w.order_id = s.dossier_id;
