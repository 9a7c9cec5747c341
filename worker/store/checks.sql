-- event_without_state: every event has a row that says what became of it
SELECT e.account_id, e.id FROM events e
 WHERE NOT EXISTS (SELECT FROM event_states s WHERE s.account_id = e.account_id AND s.event_id = e.id)
 LIMIT 20

-- state_without_event: every row that says what became of an event has its event
SELECT s.account_id, s.event_id FROM event_states s
 WHERE NOT EXISTS (SELECT FROM events e WHERE e.account_id = s.account_id AND e.id = s.event_id)
 LIMIT 20

-- unsettled_without_next_attempt: an event that is not settled has a time at which the sweep finds it
SELECT account_id, event_id, state FROM event_states
 WHERE state IN ('received', 'retrying') AND next_attempt_at IS NULL
 LIMIT 20

-- batch_left_behind: no batch is under way for minutes
SELECT b.account_id, b.id, b.worker, b.started_at FROM batches b
 WHERE b.started_at < now() - interval '10 minutes'
 LIMIT 20

-- order_numbers_with_gaps: the numbers of orders and of merged orders are 1 to n, each once, and the counter says n
SELECT n.account_id, count(*) AS numbers, count(DISTINCT n.number) AS different, min(n.number) AS first,
       max(n.number) AS last, max(c.value) AS counter
  FROM (SELECT account_id, number FROM orders UNION ALL SELECT account_id, number FROM order_merges) AS n
  LEFT JOIN counters c ON c.account_id = n.account_id AND c.name = 'orders'
 GROUP BY n.account_id
HAVING count(*) <> count(DISTINCT n.number) OR min(n.number) <> 1 OR max(n.number) <> count(*)
    OR max(c.value) IS DISTINCT FROM count(*)

-- payment_numbers_twice: every payment has a number of its own, and none is beyond the counter
SELECT p.account_id, p.id, p.number FROM payments p
  LEFT JOIN counters c ON c.account_id = p.account_id AND c.name = 'payments'
 WHERE p.number IS NULL OR c.value IS NULL OR p.number > c.value
 LIMIT 20

-- paid_is_not_the_sum: what an order says was paid is the sum of its counted payments and of what its invoices received
SELECT o.account_id, o.id, o.amount_paid, p.counted, i.received
  FROM orders o
  LEFT JOIN (SELECT account_id, order_id, sum(counted) AS counted FROM payments WHERE order_id IS NOT NULL GROUP BY 1, 2) AS p
    ON p.account_id = o.account_id AND p.order_id = o.id
  LEFT JOIN (SELECT account_id, parent_id, currency, sum(amount_paid) AS received
               FROM orders WHERE type = 'invoice' AND parent_id IS NOT NULL GROUP BY 1, 2, 3) AS i
    ON i.account_id = o.account_id AND i.parent_id = o.id AND i.currency = o.currency
 WHERE (p.counted IS NOT NULL OR i.received > 0)
   AND o.amount_paid <> coalesce(p.counted, 0) + coalesce(i.received, 0)
   AND NOT EXISTS (SELECT FROM parent_marks m WHERE m.account_id = o.account_id AND m.parent_id = o.id)
 LIMIT 20

-- carried_by_nothing: a line that is carried is carried by a child that lives, and stands among that child's lines
SELECT c.account_id, c.parent_id, c.line_key, c.type, c.child_id FROM carried_lines c
 WHERE NOT EXISTS (
     SELECT FROM orders o JOIN order_items i ON i.account_id = o.account_id AND i.order_id = o.id
      WHERE o.account_id = c.account_id AND o.id = c.child_id AND o.status <> 'void' AND o.type = c.type
        AND i.parent_line = c.line_key)
 LIMIT 20

-- carried_unseen: what a living child carries of its parent is on the list of carried lines
SELECT o.account_id, o.id, o.parent_id, i.parent_line
  FROM orders o JOIN order_items i ON i.account_id = o.account_id AND i.order_id = o.id
 WHERE o.parent_id IS NOT NULL AND o.status <> 'void' AND i.parent_line IS NOT NULL
   AND NOT EXISTS (
       SELECT FROM carried_lines c
        WHERE c.account_id = o.account_id AND c.child_id = o.id AND c.line_key = i.parent_line AND c.type = o.type)
 LIMIT 20

-- amount_is_not_the_sum: an order's amount is the sum of its lines and charges
SELECT o.account_id, o.id, o.amount, coalesce(i.total, 0) AS items, coalesce(c.total, 0) AS charges
  FROM orders o
  LEFT JOIN (SELECT account_id, order_id, sum(total) AS total FROM order_items GROUP BY 1, 2) AS i
    ON i.account_id = o.account_id AND i.order_id = o.id
  LEFT JOIN (SELECT account_id, order_id, sum(amount) AS total FROM order_charges GROUP BY 1, 2) AS c
    ON c.account_id = o.account_id AND c.order_id = o.id
 WHERE o.amount <> coalesce(i.total, 0) + coalesce(c.total, 0)
 LIMIT 20

-- payment_of_no_order: a payment that names an order names one that exists
SELECT p.account_id, p.id, p.order_id FROM payments p
 WHERE p.order_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM orders o WHERE o.account_id = p.account_id AND o.id = p.order_id)
 LIMIT 20

-- payment_apart_from_its_order: a payment whose dossier has an order belongs to that order
SELECT p.account_id, p.id, p.dossier_id, p.order_id FROM payments p
  JOIN orders o ON o.account_id = p.account_id AND o.id = p.dossier_id
 WHERE p.order_id IS DISTINCT FROM p.dossier_id
 LIMIT 20

-- link_to_nothing: every key that was seen leads to a dossier
SELECT l.account_id, l.key, l.dossier_id FROM links l
 WHERE NOT EXISTS (SELECT FROM dossiers d WHERE d.account_id = l.account_id AND d.id = l.dossier_id)
 LIMIT 20

-- order_without_dossier: every order follows from a dossier
SELECT o.account_id, o.id FROM orders o
 WHERE NOT EXISTS (SELECT FROM dossiers d WHERE d.account_id = o.account_id AND d.id = o.id)
 LIMIT 20

-- order_without_contact: every order has a contact
SELECT o.account_id, o.id, o.contact_id FROM orders o
 WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.account_id = o.account_id AND c.id = o.contact_id)
 LIMIT 20

-- waiting_beside_its_order: no event waits for an order that is there (for the registry to be on, it may)
SELECT s.account_id, s.event_id, s.dossier_id FROM event_states s
  JOIN orders o ON o.account_id = s.account_id AND o.id = s.dossier_id
 WHERE s.state = 'waiting' AND s.reason IS DISTINCT FROM 'registry_off'
 LIMIT 20

-- one_sale_twice: no two orders follow from one document of one sender
SELECT account_id, origin, external_id, count(*) AS orders FROM orders
 WHERE external_id IS NOT NULL
 GROUP BY account_id, origin, external_id HAVING count(*) > 1
 LIMIT 20

-- merged_into_nothing: an order that turned out to be another leads to one that exists
SELECT m.account_id, m.order_id, m.into_order_id FROM order_merges m
 WHERE NOT EXISTS (SELECT FROM orders o WHERE o.account_id = m.account_id AND o.id = m.into_order_id)
 LIMIT 20

-- stock_level_is_not_the_sum: every stock level is the sum of its movements
SELECT account_id, location_id, sku, bucket, l.quantity AS level, m.quantity AS moved
  FROM stock_levels l
  FULL JOIN (SELECT account_id, location_id, sku, bucket, sum(quantity) AS quantity
               FROM stock_movements GROUP BY 1, 2, 3, 4) AS m USING (account_id, location_id, sku, bucket)
 WHERE coalesce(l.quantity, 0) <> coalesce(m.quantity, 0)
 LIMIT 20

-- stock_moved_by_nothing: every stock movement is of an order, one that is there or one that was merged into another
SELECT m.account_id, m.id, m.order_id FROM stock_movements m
 WHERE m.order_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM orders o WHERE o.account_id = m.account_id AND o.id = m.order_id)
   AND NOT EXISTS (SELECT FROM order_merges g WHERE g.account_id = m.account_id AND g.order_id = m.order_id)
 LIMIT 20

-- feed_event_of_nobody: every event of the feed has a delivery
SELECT e.account_id, e.id, e.type FROM feed_events e
 WHERE NOT EXISTS (SELECT FROM feed_deliveries d WHERE d.account_id = e.account_id AND d.event_id = e.id)
 LIMIT 20

-- feed_beyond_its_count: no event of the feed has a number that its subject has not come to
SELECT e.account_id, e.subject_id, e.sequence FROM feed_events e
  LEFT JOIN feed_sequences s ON s.account_id = e.account_id AND s.subject_id = e.subject_id
 WHERE e.type <> 'daybook.test' AND (s.value IS NULL OR e.sequence > s.value)
 LIMIT 20

-- feed_without_number: every event of the feed that shows an order shows its number
SELECT account_id, id, type FROM feed_events
 WHERE type LIKE 'order.%' AND body::json -> 'data' ->> 'number' IS NULL
 LIMIT 20

-- feed_delivery_misfiled: a delivery is queued under the subject and number of its event
SELECT d.account_id, d.subscriber_id, d.event_id FROM feed_deliveries d
  JOIN feed_events e ON e.account_id = d.account_id AND e.id = d.event_id
 WHERE (d.subject_id, d.sequence) IS DISTINCT FROM (e.subject_id, e.sequence)
 LIMIT 20

-- feed_past_its_last_attempt: no delivery to an active subscriber is open long after its last attempt
SELECT d.account_id, d.subscriber_id, d.event_id, d.attempts FROM feed_deliveries d
  JOIN feed_subscribers s ON s.account_id = d.account_id AND s.id = d.subscriber_id AND s.state = 'active'
 WHERE d.attempts >= 10 AND d.next_attempt_at < now() - interval '1 hour'
 LIMIT 20

-- cycle_charged_twice: no cycle of a recurring order was charged twice
SELECT account_id, recurring_order_id, cycle, count(*) AS charges FROM charge_attempts
 WHERE state = 'succeeded'
 GROUP BY account_id, recurring_order_id, cycle HAVING count(*) > 1
 LIMIT 20

-- attempt_left_open: an open attempt is the one that its recurring order names
SELECT a.account_id, a.id, a.recurring_order_id, a.state FROM charge_attempts a
  JOIN recurring_orders r ON r.account_id = a.account_id AND r.id = a.recurring_order_id
 WHERE a.next_check_at IS NOT NULL AND r.attempt_id IS DISTINCT FROM a.id
 LIMIT 20

-- attempt_past_its_deadline: an open attempt is looked at within minutes of the time that was set for it
SELECT account_id, id, recurring_order_id, state, next_check_at FROM charge_attempts
 WHERE next_check_at < $1::timestamptz - interval '15 minutes'
 LIMIT 20

-- attempt_under_way_is_over: the attempt that a recurring order waits for is open, and of its cycle
SELECT r.account_id, r.id, r.attempt_id, r.status FROM recurring_orders r
 WHERE r.attempt_id IS NOT NULL AND NOT EXISTS (
     SELECT FROM charge_attempts a
      WHERE a.account_id = r.account_id AND a.id = r.attempt_id AND a.recurring_order_id = r.id AND a.cycle = r.cycle
        AND a.order_id = r.order_id AND a.next_check_at IS NOT NULL)
 LIMIT 20

-- payments_made_is_not_the_sum: the payments of a recurring order that Daybook charges are its attempts that succeeded
SELECT r.account_id, r.id, r.payments_made, a.succeeded
  FROM recurring_orders r
  LEFT JOIN (SELECT account_id, recurring_order_id, count(*) AS succeeded FROM charge_attempts
              WHERE state = 'succeeded' GROUP BY 1, 2) AS a
    ON a.account_id = r.account_id AND a.recurring_order_id = r.id
 WHERE r.managed_by = 'manual' AND r.payments_made <> coalesce(a.succeeded, 0)
 LIMIT 20

-- attempt_apart_from_its_payment: an attempt has succeeded where its payment has, and nowhere else
SELECT a.account_id, a.id, a.state, p.status FROM charge_attempts a
  JOIN payments p ON p.account_id = a.account_id AND p.key = 'stripe:' || a.payment_intent_id
 WHERE (a.state = 'succeeded') <> (p.status = 'succeeded')
 LIMIT 20

-- succeeded_without_payment: what an attempt has charged is a payment of an order
SELECT a.account_id, a.id, a.payment_intent_id FROM charge_attempts a
 WHERE a.state = 'succeeded' AND NOT EXISTS (
     SELECT FROM payments p
      WHERE p.account_id = a.account_id AND p.key = 'stripe:' || a.payment_intent_id AND p.order_id IS NOT NULL)
 LIMIT 20

-- recurring_never_due: what is to be charged has a time at which it is
SELECT account_id, id, status FROM recurring_orders
 WHERE managed_by = 'manual' AND status IN ('pending', 'active') AND attempt_id IS NULL AND NOT held AND due_at IS NULL
 LIMIT 20

-- checkout_without_order: a checkout whose session is open has the order of that session
SELECT k.account_id, k.id, k.session_id FROM checkouts k
 WHERE k.state = 'opened' AND NOT EXISTS (
     SELECT FROM links l JOIN orders o ON o.account_id = l.account_id AND o.id = l.dossier_id
      WHERE l.account_id = k.account_id AND l.key = 'stripe:' || k.session_id)
 LIMIT 20

-- checkout_left_behind: a checkout that is being opened is taken up within minutes
SELECT account_id, id, next_attempt_at FROM checkouts
 WHERE next_attempt_at < now() - interval '15 minutes'
 LIMIT 20

-- reconciliation_left_behind: a comparison with what a platform lists goes on within minutes
SELECT account_id, id, next_attempt_at FROM reconciliations
 WHERE next_attempt_at < now() - interval '15 minutes'
 LIMIT 20
