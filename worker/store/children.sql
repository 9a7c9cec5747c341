-- children: the children of an order, oldest first, each with the lines of its parent that it carries
SELECT o.id, o.number, o.type, o.status,
       ARRAY(SELECT c.line_key FROM carried_lines c WHERE c.account_id = o.account_id AND c.child_id = o.id) AS lines
  FROM orders o
 WHERE o.account_id = $1 AND o.parent_id = $2
 ORDER BY o.created_at, o.id

-- parent: the parent of an order
SELECT parent_id FROM orders WHERE account_id = $1 AND id = $2

-- carry: a child of this type carries these lines of its parent; those that another carries are not among the answer
INSERT INTO carried_lines (account_id, parent_id, line_key, type, child_id)
SELECT $1, $2, line_key, $3, $4 FROM unnest($5::text[]) AS g (line_key) ORDER BY line_key
ON CONFLICT (account_id, parent_id, line_key, type) DO NOTHING
RETURNING line_key

-- free: a void child's lines may be carried by another
DELETE FROM carried_lines WHERE account_id = $1 AND child_id = $2

-- mark_parents: what children of these orders received or gave back has changed
INSERT INTO parent_marks (account_id, parent_id)
SELECT DISTINCT $1::uuid, coalesce(m.into_order_id, g.parent_id)
  FROM unnest($2::uuid[]) AS g (parent_id)
  LEFT JOIN order_merges m ON m.account_id = $1 AND m.order_id = g.parent_id
 ORDER BY 2
ON CONFLICT (account_id, parent_id) DO UPDATE SET parent_id = excluded.parent_id

-- marked: parents to be derived anew
SELECT account_id, parent_id FROM parent_marks ORDER BY account_id, parent_id LIMIT $1

-- marked_of: whether this parent is to be derived anew
SELECT true FROM parent_marks WHERE account_id = $1 AND parent_id = $2

-- unmark: these parents are being derived anew; their dossiers are held
DELETE FROM parent_marks WHERE account_id = $1 AND parent_id = ANY ($2)

-- moneys: what the invoices and returns made from these orders came to
SELECT parent_id, id, type, currency, amount_paid, amount_refunded, paid_at
  FROM orders WHERE account_id = $1 AND parent_id = ANY ($2) AND type IN ('invoice', 'return')
 ORDER BY parent_id, id

-- merge_parents: the children of orders that turned out to be another are that one's
UPDATE orders o SET parent_id = g.target
  FROM unnest($2::uuid[], $3::uuid[]) AS g (source, target)
 WHERE o.account_id = $1 AND o.parent_id = g.source

-- merge_carried: the lines that they carry are that one's; a line that is carried there already stays as it is
WITH moved AS (
    DELETE FROM carried_lines c USING unnest($2::uuid[], $3::uuid[]) AS g (source, target)
     WHERE c.account_id = $1 AND c.parent_id = g.source
    RETURNING g.target, c.line_key, c.type, c.child_id
)
INSERT INTO carried_lines (account_id, parent_id, line_key, type, child_id)
SELECT $1, target, line_key, type, child_id FROM moved ORDER BY target, line_key, type
ON CONFLICT (account_id, parent_id, line_key, type) DO NOTHING
