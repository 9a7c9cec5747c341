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

-- paid_is_not_the_sum: what an order says was paid is the sum of its counted payments
SELECT o.account_id, o.id, o.amount_paid, sum(p.counted) AS counted
  FROM orders o JOIN payments p ON p.account_id = o.account_id AND p.order_id = o.id
 GROUP BY o.account_id, o.id, o.amount_paid
HAVING o.amount_paid <> sum(p.counted)
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

-- waiting_beside_its_order: no event waits for an order that is there
SELECT s.account_id, s.event_id, s.dossier_id FROM event_states s
  JOIN orders o ON o.account_id = s.account_id AND o.id = s.dossier_id
 WHERE s.state = 'waiting'
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
