-- Who did it: one of staff, a token of the API, somebody at the machine; none: it happened by itself.
ALTER TABLE ledger ADD COLUMN actor TEXT;
CREATE INDEX ledger_by_actor ON ledger (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX ledger_of_actors ON ledger (id) WHERE actor IS NOT NULL;
