-- The audit: who changed what with a permission that not everybody has, and whatever was changed in a browser.
CREATE TABLE audit (
    account_id uuid NOT NULL REFERENCES accounts,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    token_id uuid NOT NULL,
    session boolean NOT NULL, -- in a browser that signed in with the token
    operation text NOT NULL,
    summary text NOT NULL, -- the operation in words
    method text NOT NULL,
    path text NOT NULL, -- below /api/v1, with its ids; of what was made, where that has an address
    status smallint NOT NULL,
    details jsonb NOT NULL, -- what is worth telling; never a secret
    PRIMARY KEY (account_id, id)
);
CREATE INDEX audit_at ON audit (account_id, at, id);
CREATE INDEX audit_token ON audit (account_id, token_id, at, id);
CREATE INDEX audit_actor ON audit (account_id, actor, at, id);
CREATE INDEX audit_operation ON audit (account_id, operation, at, id);
CREATE INDEX audit_old ON audit (at);
