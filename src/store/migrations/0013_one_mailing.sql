-- An issue is frozen once: who would let it go a second time, from what they read before, must fail.
DROP INDEX mailings_by_issue;
CREATE UNIQUE INDEX mailings_by_issue ON mailings (issue);
