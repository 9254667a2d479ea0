-- What the house's own systems are told, each row one event for one of them: see src/store/webhooks.rs.
CREATE TABLE webhook_calls (
    event       TEXT   NOT NULL, -- 'issue.sent:7', 'subscription:…', 'refused:…'
    webhook     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    list        TEXT   NOT NULL,
    issue       BIGINT,
    subscriber  BIGINT,
    address     TEXT,            -- none once they were erased
    state       TEXT,
    gets        TEXT,
    words       TEXT,            -- none once they were erased, whom it may name
    facts       TEXT,            -- JSON
    outcome     TEXT   NOT NULL, -- 'waits', 'done', 'given-up'
    tries       BIGINT NOT NULL,
    tried_since BIGINT NOT NULL,
    try_at      BIGINT,          -- none: it is done with
    changed_at  BIGINT NOT NULL,
    answer      TEXT,            -- why the last try was in vain
    PRIMARY KEY (event, webhook)
);
CREATE INDEX webhook_calls_due ON webhook_calls (webhook, try_at) WHERE try_at IS NOT NULL;
CREATE INDEX webhook_calls_about ON webhook_calls (subscriber) WHERE subscriber IS NOT NULL;
CREATE INDEX webhook_calls_old ON webhook_calls (changed_at);

-- Since when there is a webhook: it is not told of issues from before.
CREATE TABLE webhooks (
    name  TEXT   NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);
