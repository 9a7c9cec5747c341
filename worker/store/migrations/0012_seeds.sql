-- What was made from entries of seed files (T7), by what each entry is known by: a file that is imported again makes
-- nothing new. Merges of contacts and orders are followed.
CREATE TABLE seeds (
    account_id uuid NOT NULL REFERENCES accounts,
    object_type text NOT NULL,
    key text NOT NULL,
    object_id uuid NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (account_id, object_type, key)
);
CREATE INDEX seeds_object ON seeds (account_id, object_id);
