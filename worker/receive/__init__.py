"""The door: verify, commit to the inbox, signal, answer. Nothing else ever happens in a webhook's request."""
