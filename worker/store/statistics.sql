-- outgrown: tables that have multiplied since the planner last looked at them, as names fit for a statement
SELECT quote_ident(relname) AS name
  FROM pg_stat_user_tables
 WHERE schemaname = current_schema() AND n_mod_since_analyze > greatest(500, n_live_tup / 2)
 ORDER BY relname

-- try_lock: whether this session is the one that looks
SELECT pg_try_advisory_xact_lock(1937006964)

-- of_orders: the tables that grow with orders and contacts, as names fit for a statement
SELECT quote_ident(name) AS name
  FROM unnest(ARRAY['contacts', 'contact_keys', 'dossiers', 'links', 'refs', 'orders', 'order_items', 'order_charges',
                    'payments', 'timeline', 'carried_lines', 'stock_levels', 'stock_movements', 'feed_events',
                    'seeds']) AS g (name)
