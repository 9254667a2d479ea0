-- What people must hear of. One row for each kind of trouble with one thing, from when it is noticed until staff know
-- that it is over.
CREATE TABLE alarms (
    about   TEXT   NOT NULL, -- 'relay:main', 'issue:7', 'store'
    kind    TEXT   NOT NULL,
    words   TEXT   NOT NULL, -- what happened and what to do
    at      BIGINT NOT NULL, -- since when
    tell_at BIGINT,          -- when staff are to be told; none: they know
    told_at BIGINT,          -- when they were told last
    over_at BIGINT,          -- since when it is over
    PRIMARY KEY (about, kind)
);
