-- What lists are filtered by, newest first, however rare it is among however much.

-- A topic, and topics by what they begin with.
CREATE INDEX events_topic ON events (account_id, topic text_pattern_ops, received_at, id);
CREATE INDEX deals_status ON deals (account_id, status, created_at, id);
