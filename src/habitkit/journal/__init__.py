"""The journal: the event log, the outbox, inboxes and idempotency records."""
