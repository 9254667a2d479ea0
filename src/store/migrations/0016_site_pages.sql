-- What each relay did, a row for each minute in which it answered; forgotten after a day.
CREATE TABLE relay_minutes (
    relay   TEXT   NOT NULL,
    minute  BIGINT NOT NULL, -- since 1970
    sent    BIGINT NOT NULL,
    refused BIGINT NOT NULL, -- for now or for good
    unclear BIGINT NOT NULL,
    PRIMARY KEY (relay, minute)
);
-- The newest that were not taken, without a walk over a million that were.
CREATE INDEX deliveries_not_taken ON deliveries (changed_at) WHERE state IN ('deferred', 'bounced', 'unknown');
-- The listing of posts, whose filters must not read what posts say.
CREATE INDEX posts_listed ON posts (first_seen_at DESC, id, feed, standing, urgency);
