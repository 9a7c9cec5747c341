-- Lanes that a person has paused (D2): their events stay `received` and are held until somebody resumes them. The lane
-- `charges` has its switch on the account.
CREATE TABLE lane_pauses (
    account_id uuid NOT NULL REFERENCES accounts,
    lane text NOT NULL CHECK (lane IN ('payments', 'orders', 'bulk')),
    paused_at timestamptz NOT NULL,
    paused_by text NOT NULL,
    PRIMARY KEY (account_id, lane)
);
ALTER TABLE accounts ADD COLUMN charging_stopped_by text; -- who stopped it, as the timeline names them

-- Held: neither a signal nor the sweep applies it before its lane is resumed.
CREATE INDEX event_states_held ON event_states (account_id, lane, event_id) WHERE next_attempt_at = 'infinity';

ALTER TABLE workers ADD COLUMN version text;
