-- add_subscriber: a new subscriber
INSERT INTO feed_subscribers (account_id, id, url, description, types, secret, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp())
RETURNING account_id, id, url, description, types, state, reason, secret, former_secret, former_until, version, removed_at,
          created_at, updated_at

-- get_subscriber: one subscriber of an account
SELECT account_id, id, url, description, types, state, reason, secret, former_secret, former_until, version, removed_at,
       created_at, updated_at
  FROM feed_subscribers WHERE account_id = $1 AND id = $2 AND removed_at IS NULL

-- hold_subscriber: one subscriber, held until the end of the transaction
SELECT account_id, id, url, description, types, state, reason, secret, former_secret, former_until, version, removed_at,
       created_at, updated_at
  FROM feed_subscribers WHERE account_id = $1 AND id = $2 AND removed_at IS NULL FOR NO KEY UPDATE

-- list_subscribers: the subscribers of an account, newest first, those before a given id
SELECT account_id, id, url, description, types, state, reason, secret, former_secret, former_until, version, removed_at,
       created_at, updated_at
  FROM feed_subscribers
 WHERE account_id = $1 AND removed_at IS NULL AND ($2::uuid IS NULL OR id < $2)
 ORDER BY id DESC LIMIT $3

-- count_subscribers: how many subscribers an account has
SELECT count(*) FROM feed_subscribers WHERE account_id = $1 AND removed_at IS NULL

-- update_subscriber: a subscriber as it is from now on
UPDATE feed_subscribers
   SET url = $3, description = $4, types = $5, state = $6, reason = $7, secret = $8, former_secret = $9,
       former_until = $10, version = version + 1, updated_at = clock_timestamp()
 WHERE account_id = $1 AND id = $2
RETURNING account_id, id, url, description, types, state, reason, secret, former_secret, former_until, version, removed_at,
          created_at, updated_at

-- remove_subscriber: nothing is sent to it any more, and nobody sees it
UPDATE feed_subscribers
   SET removed_at = clock_timestamp(), state = 'disabled', reason = 'removed', former_secret = NULL, former_until = NULL,
       version = version + 1, updated_at = clock_timestamp()
 WHERE account_id = $1 AND id = $2

-- forget_former: secrets whose time beside the new one is over
UPDATE feed_subscribers SET former_secret = NULL, former_until = NULL WHERE former_until < $1

-- private_targets: whether an account may send to addresses inside, and in clear
SELECT private_targets FROM accounts WHERE id = $1

-- try_lock: whether this transaction is the one that forgets
SELECT pg_try_advisory_xact_lock(1717921124)

-- removed_subscribers: the subscribers that are to be forgotten
SELECT account_id, id FROM feed_subscribers WHERE removed_at IS NOT NULL ORDER BY removed_at LIMIT 10

-- forget_deliveries: some deliveries of a subscriber that was removed; the events that nobody else was told of go too
WITH gone AS (
    SELECT account_id, subscriber_id, event_id FROM feed_deliveries
     WHERE account_id = $1 AND subscriber_id = $2 ORDER BY event_id LIMIT $3
), deleted AS (
    DELETE FROM feed_deliveries d USING gone g
     WHERE d.account_id = g.account_id AND d.subscriber_id = g.subscriber_id AND d.event_id = g.event_id
    RETURNING d.event_id
)
SELECT event_id FROM deleted

-- forget_untold: those of these events that have no delivery left
DELETE FROM feed_events e
 WHERE e.account_id = $1 AND e.id = ANY ($2)
   AND NOT EXISTS (SELECT FROM feed_deliveries d WHERE d.account_id = e.account_id AND d.event_id = e.id)

-- forget_subscriber: a subscriber that was removed and has no deliveries left
DELETE FROM feed_subscribers s
 WHERE s.account_id = $1 AND s.id = $2 AND s.removed_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM feed_deliveries d WHERE d.account_id = s.account_id AND d.subscriber_id = s.id)
