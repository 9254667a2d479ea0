-- Pings: somebody says that a feed has news. A look hears those that came before it began; while more have come than were
-- heard, the feed is due.
ALTER TABLE feeds ADD COLUMN pings BIGINT NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN pings_heard BIGINT NOT NULL DEFAULT 0;

-- Hubs (WebSub) that tell us of feeds, or are to, or are to no more.
CREATE TABLE websub (
    id          BIGINT NOT NULL PRIMARY KEY, -- stands in the callback
    feed        TEXT   NOT NULL,
    hub         TEXT   NOT NULL,
    topic       TEXT   NOT NULL,             -- by what name the hub knows the feed
    wish        TEXT   NOT NULL,             -- subscribe, unsubscribe
    asked       TEXT,                        -- the same words: what we have asked and the hub has not verified yet
    lease_until BIGINT,                      -- until when the hub tells us
    failures    BIGINT NOT NULL,             -- how many times in a row we have asked for nothing
    due_at      BIGINT NOT NULL,             -- when to ask, or to ask again
    UNIQUE (feed, hub, topic)
);
