-- Whose an event is, found from the event: its order, then whose that is. OFFSET 0 keeps the planner from going the other
-- way, by all that an owner has; who wants that joins order_owners to event_states.
CREATE OR REPLACE VIEW event_owners AS
SELECT s.account_id, s.event_id, w.owner_id
  FROM event_states s
 CROSS JOIN LATERAL (
       SELECT o.owner_id FROM order_owners o WHERE o.account_id = s.account_id AND o.order_id = s.dossier_id OFFSET 0) AS w;
