-- own_events: the events of one owner's orders, of the newest events (up to a limit) since one, and of those that are not
-- settled (up to another). OFFSET 0 has it asked of each of them
SELECT s.event_id
  FROM ((SELECT event_id, dossier_id FROM event_states
          WHERE account_id = $1 AND event_id >= $3
          ORDER BY event_id DESC
          LIMIT $4)
        UNION
        (SELECT event_id, dossier_id FROM event_states
          WHERE account_id = $1 AND state IN ('received', 'waiting', 'retrying', 'dead')
          LIMIT $5)) AS s
 WHERE s.dossier_id IS NOT NULL
   AND EXISTS (
       SELECT FROM orders_with_owners w
        WHERE w.account_id = $1 AND w.order_id = s.dossier_id AND $2 = ANY (w.owners) OFFSET 0)
