-- Notices by age: those that are done with are forgotten after a while.
CREATE INDEX mailings_notices ON mailings (made_at) WHERE issue IS NULL;

-- One pass over all that is due. A run of the daemon that wrote nothing into the ledger has no row.
CREATE TABLE runs (
    id       BIGINT NOT NULL PRIMARY KEY,
    kind     TEXT   NOT NULL,           -- 'run', 'serve'
    began_at BIGINT NOT NULL,
    ended_at BIGINT,                    -- none: it is under way, or was killed
    posts    BIGINT NOT NULL DEFAULT 0, -- that became news
    alerts   BIGINT NOT NULL DEFAULT 0,
    digests  BIGINT NOT NULL DEFAULT 0,
    sent     BIGINT NOT NULL DEFAULT 0,
    trouble  TEXT
);

-- In which run it happened; none: beside them.
ALTER TABLE ledger ADD COLUMN run BIGINT;
CREATE INDEX ledger_by_run ON ledger (run, id) WHERE run IS NOT NULL;

-- A post that was changed after it was mailed: what it said then, as a digest, so that each change is told once.
ALTER TABLE posts ADD COLUMN edited TEXT;
ALTER TABLE posts ADD COLUMN edited_told_at BIGINT; -- when staff were told
