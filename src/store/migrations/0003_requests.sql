-- Who asked to join a list, or for a link to leave, before they confirmed it. Nobody stands among the subscriptions who
-- only asked.
CREATE TABLE requests (
    id           BIGINT NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,           -- 'join', 'leave', 'help'
    address      TEXT,                      -- none: it was erased when it was of no more use
    fingerprint  TEXT   NOT NULL,           -- the address, for those who have the key
    domain       TEXT   NOT NULL,           -- what mail to it is spread over: the limits are for this
    network      TEXT   NOT NULL,           -- where the request came from: a /24 or /64; empty: unknown
    lists        TEXT   NOT NULL,           -- a JSON array of names
    door         TEXT   NOT NULL,
    origin       TEXT   NOT NULL,           -- as the consent record keeps it
    text         TEXT   NOT NULL,           -- the words they agreed to
    asked_at     BIGINT NOT NULL,
    answer_at    BIGINT,                    -- none: it was answered, or is not to be
    subscriber   BIGINT,                    -- to whom a mail was queued for it
    mailed_at    BIGINT,                    -- when a mail was queued for it; the limits count these
    confirmed_at BIGINT,
    answer       TEXT   NOT NULL DEFAULT '' -- what was done, in words
);
CREATE INDEX requests_due ON requests (answer_at) WHERE answer_at IS NOT NULL;
CREATE INDEX requests_by_address ON requests (fingerprint, mailed_at);
CREATE INDEX requests_by_domain ON requests (domain, mailed_at);
CREATE INDEX requests_by_network ON requests (network, asked_at);
CREATE INDEX requests_mailed ON requests (mailed_at);
CREATE INDEX requests_by_age ON requests (asked_at);

-- What people did about their subscriptions. Rows are only ever added, and taken away when a person is erased.
CREATE TABLE consents (
    id         BIGINT NOT NULL PRIMARY KEY,
    subscriber BIGINT NOT NULL,
    list       TEXT   NOT NULL,
    act        TEXT   NOT NULL,
    door       TEXT   NOT NULL,
    origin     TEXT   NOT NULL,
    text       TEXT   NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX consents_by_subscriber ON consents (subscriber, id);

-- Addresses that were erased, as only those who have the key can tell them: no file and no import brings them back.
CREATE TABLE forgotten (
    fingerprint TEXT   NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL
);
