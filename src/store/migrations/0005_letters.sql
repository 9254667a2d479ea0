-- Letters that came in, so that the same one twice is one. A row is forgotten when nobody sends it again any more.
CREATE TABLE letters (
    digest TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the recipient and the message
    at     BIGINT NOT NULL,             -- when it was last tried
    tries  BIGINT NOT NULL,             -- how often it failed while the store was well
    done   TEXT                         -- what was done; none: it is tried again
);
CREATE INDEX letters_by_age ON letters (at);

-- Those that could not be handled, kept whole until a person has looked at them.
CREATE TABLE dead_letters (
    id        BIGINT NOT NULL PRIMARY KEY,
    digest    TEXT   NOT NULL UNIQUE,
    at        BIGINT NOT NULL,
    recipient TEXT,            -- as the door knew it; none: the headers tell
    sender    TEXT,
    reason    TEXT   NOT NULL,
    size      BIGINT NOT NULL, -- of the message, in octets
    message   TEXT   NOT NULL  -- in Base64
);

-- How far a mailbox was read. Its numbers mean something only together (RFC 3501 section 2.3.1.1).
CREATE TABLE mailboxes (
    about    TEXT   NOT NULL PRIMARY KEY, -- 'imap:user@host/INBOX'
    validity BIGINT NOT NULL,
    next     BIGINT NOT NULL              -- every message below this number was taken
);
