-- Notices by age: those that are done with are forgotten after a while.
CREATE INDEX mailings_notices ON mailings (made_at) WHERE issue IS NULL;
