-- One text for SQLite and PostgreSQL: TEXT and BIGINT columns only, flags as 0 and 1, instants as Unix milliseconds.

-- Numbers for new rows; a gap does no harm.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE feeds (
    name          TEXT   NOT NULL PRIMARY KEY,
    url           TEXT   NOT NULL, -- as configured when the rest was learned; another url forgets it
    moved_to      TEXT,
    etag          TEXT,
    last_modified TEXT,
    baseline_at   BIGINT,
    checked_at    BIGINT,
    failing_since BIGINT,
    failures      BIGINT NOT NULL DEFAULT 0,
    last_error    TEXT,
    next_check_at BIGINT NOT NULL,
    looking_until BIGINT,           -- a process is looking at it, and has until then
    told_at       BIGINT            -- when staff were told of the present failure
);

CREATE TABLE posts (
    id              BIGINT NOT NULL PRIMARY KEY,
    feed            TEXT   NOT NULL,
    fingerprint     TEXT   NOT NULL,
    title           TEXT   NOT NULL,
    link            TEXT,
    summary         TEXT   NOT NULL,
    body_html       TEXT   NOT NULL,
    image           TEXT,
    image_alt       TEXT   NOT NULL,
    categories      TEXT   NOT NULL, -- a JSON array of texts
    published_at    BIGINT,
    first_seen_at   BIGINT NOT NULL,
    standing        TEXT   NOT NULL,
    standing_reason TEXT   NOT NULL,
    news_at         BIGINT,          -- when it became news, by itself or by a person
    urgency         TEXT   NOT NULL,
    urgency_rule    TEXT,
    urgency_reason  TEXT   NOT NULL,
    UNIQUE (feed, fingerprint)
);
CREATE INDEX posts_news ON posts (feed, news_at) WHERE standing = 'news';
CREATE INDEX posts_by_link ON posts (link);

CREATE TABLE lists (
    name        TEXT   NOT NULL PRIMARY KEY,
    number      BIGINT NOT NULL UNIQUE, -- stands for the list in tokens, for ever
    baseline_at BIGINT NOT NULL,        -- posts that were news before this are not for this list
    slots_until BIGINT NOT NULL         -- digest slots up to this instant are done with
);

CREATE TABLE subscribers (
    id          BIGINT NOT NULL PRIMARY KEY,
    address     TEXT   NOT NULL,
    address_key TEXT   NOT NULL UNIQUE,
    name        TEXT   NOT NULL,
    added_at    BIGINT NOT NULL
);

CREATE TABLE subscriptions (
    list         TEXT   NOT NULL,
    subscriber   BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    digests      BIGINT NOT NULL DEFAULT 1, -- wants digests
    alerts       BIGINT NOT NULL DEFAULT 1, -- wants alerts
    consent      TEXT   NOT NULL,
    began_at     BIGINT NOT NULL,
    ended_at     BIGINT,
    ended_reason TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (list, subscriber)
);
CREATE INDEX subscriptions_by_subscriber ON subscriptions (subscriber);

-- A subscribers file that was read whole, so that an unchanged one is not read again.
CREATE TABLE subscriber_files (
    list    TEXT   NOT NULL PRIMARY KEY,
    digest  TEXT   NOT NULL,
    read_at BIGINT NOT NULL
);

CREATE TABLE suppressions (
    address_key TEXT   NOT NULL,
    list        TEXT   NOT NULL, -- empty: every list
    reason      TEXT   NOT NULL,
    made_at     BIGINT NOT NULL,
    PRIMARY KEY (address_key, list)
);

CREATE TABLE issues (
    id           BIGINT NOT NULL PRIMARY KEY,
    list         TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    state_reason TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    statement    TEXT,           -- JSON, for a manual alert
    made_at      BIGINT NOT NULL,
    queued_at    BIGINT,
    readers      BIGINT NOT NULL DEFAULT 0,
    UNIQUE (list, key)
);

CREATE TABLE issue_posts (
    issue    BIGINT NOT NULL,
    post     BIGINT NOT NULL,
    list     TEXT   NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (issue, post)
);
-- A post is in one issue of a list, once for all.
CREATE UNIQUE INDEX issue_posts_by_post ON issue_posts (post, list);

CREATE TABLE mailings (
    id         BIGINT NOT NULL PRIMARY KEY,
    issue      BIGINT,           -- none: a notice
    list       TEXT,             -- none: a notice
    lane       BIGINT NOT NULL,
    subject    TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX mailings_by_issue ON mailings (issue);

CREATE TABLE deliveries (
    mailing    BIGINT NOT NULL,
    subscriber BIGINT NOT NULL,
    lane       BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    claims     BIGINT NOT NULL DEFAULT 0, -- the fence: an outcome counts only for the claim it belongs to
    try_at     BIGINT,                    -- none: settled, or claimed
    holder     BIGINT,                    -- the process that claimed it
    queued_at  BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    code       BIGINT,                    -- the relay's last reply code
    answer     TEXT,                      -- the last answer, in words
    PRIMARY KEY (mailing, subscriber)
);
CREATE INDEX deliveries_due ON deliveries (lane, try_at) WHERE try_at IS NOT NULL;
CREATE INDEX deliveries_claimed ON deliveries (holder) WHERE holder IS NOT NULL;

-- A process that may hold claims.
CREATE TABLE holders (
    id          BIGINT NOT NULL PRIMARY KEY,
    began_at    BIGINT NOT NULL,
    alive_until BIGINT NOT NULL
);

-- What was done, skipped, held or refused, and why.
CREATE TABLE ledger (
    id     BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    about  TEXT   NOT NULL, -- 'feed:site', 'list:news', 'issue:7', 'relay:main'
    event  TEXT   NOT NULL,
    reason TEXT   NOT NULL
);
CREATE INDEX ledger_about ON ledger (about, id);
