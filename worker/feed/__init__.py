"""The outgoing feed: the outbox is written beside each order, and every worker sends from it."""
