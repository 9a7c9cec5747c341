-- What the lists are searched by. No extension is needed: prefixes by text_pattern_ops, words by the built-in text search.
CREATE INDEX orders_external_prefix ON orders (account_id, lower(external_id) text_pattern_ops);
CREATE INDEX orders_number_prefix ON orders (account_id, lower(external_number) text_pattern_ops);
CREATE INDEX orders_title_words ON orders USING gin (to_tsvector('simple', regexp_replace(title, '\W+', ' ', 'g')));
CREATE INDEX payments_order ON payments (account_id, order_id);
CREATE INDEX contacts_created ON contacts (account_id, created_at, id);
CREATE INDEX contacts_email_prefix ON contacts (account_id, lower(email) text_pattern_ops);
CREATE INDEX contacts_name_words ON contacts USING gin (to_tsvector('simple', regexp_replace(name, '\W+', ' ', 'g')));
CREATE INDEX token_directory_expired ON token_directory (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX token_directory_token ON token_directory (account_id, token_id);
