-- A connection's deliveries by time: its last one, its rate, its id conflicts, whether test or live was seen; and the
-- list of one connection's events. All of it is read from the index alone.
CREATE INDEX events_connection ON events (account_id, connection_id, received_at, id) INCLUDE (livemode, id_conflict);
