-- The calls of one webhook are found by their kind: that an issue was sent waits for no million of changed subscriptions.
DROP INDEX webhook_calls_due;
CREATE INDEX webhook_calls_due ON webhook_calls (webhook, kind, try_at) WHERE try_at IS NOT NULL;
