-- What the newsroom needs: a window in which an issue can be stopped, a second person, corrections, reports.
ALTER TABLE issues ADD COLUMN goes_at BIGINT;                      -- its deliveries are not due before; none: never queued
ALTER TABLE issues ADD COLUMN window_ms BIGINT NOT NULL DEFAULT 0; -- how long it can be stopped, once it is let go
ALTER TABLE issues ADD COLUMN wanted_by BIGINT;                    -- who of staff wants it out and waits for a second person
ALTER TABLE issues ADD COLUMN corrects BIGINT;                     -- the issue that this one corrects or withdraws
ALTER TABLE issues ADD COLUMN caught_up_at BIGINT;                 -- since when nobody can join those mailed what it corrects
ALTER TABLE issues ADD COLUMN retraction TEXT;                     -- JSON: its withdrawal, rendered before it went out
ALTER TABLE issues ADD COLUMN reported_at BIGINT;                  -- when staff were told how it fared
UPDATE issues SET goes_at = queued_at, reported_at = made_at;
CREATE INDEX issues_unreported ON issues (id) WHERE reported_at IS NULL AND kind <> 'digest';
CREATE INDEX issues_catching_up ON issues (id) WHERE corrects IS NOT NULL AND caught_up_at IS NULL;

-- The mailing that this one answers: each reader's message refers to their own message of it.
ALTER TABLE mailings ADD COLUMN answers BIGINT;

-- 1: some try of it had no clear answer, so that its reader may have it whatever came later.
ALTER TABLE deliveries ADD COLUMN was_unknown BIGINT NOT NULL DEFAULT 0;
