-- What would take a walk over a million rows to count is counted as it changes.

-- How a list grew, day by day (UTC, in days since 1970-01-01). The sums of the last two over all days are how many would
-- get a digest, or an alert, now: active, wanting it, and not suppressed.
CREATE TABLE growth (
    list    TEXT   NOT NULL,
    day     BIGINT NOT NULL,
    joined  BIGINT NOT NULL, -- subscriptions that began, or began again
    ended   BIGINT NOT NULL, -- subscriptions that ended, or were erased
    digests BIGINT NOT NULL, -- more, or fewer, who would get a digest
    alerts  BIGINT NOT NULL, -- the same of an alert
    PRIMARY KEY (list, day)
);
INSERT INTO growth (list, day, joined, ended, digests, alerts)
SELECT u.list, u.began_at / 86400000, COUNT(*), 0,
       CAST(SUM(CASE WHEN u.state = 'active' AND x.subscriber IS NULL THEN u.digests ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN u.state = 'active' AND x.subscriber IS NULL THEN u.alerts ELSE 0 END) AS BIGINT)
FROM subscriptions u LEFT JOIN (
    SELECT DISTINCT s.id AS subscriber, v.list FROM suppressions p JOIN subscribers s ON s.address_key = p.address_key
    JOIN subscriptions v ON v.subscriber = s.id AND p.list IN ('', v.list)
) x ON x.subscriber = u.subscriber AND x.list = u.list
GROUP BY u.list, u.began_at / 86400000;
INSERT INTO growth (list, day, joined, ended, digests, alerts)
SELECT list, COALESCE(ended_at, began_at) / 86400000, 0, COUNT(*), 0, 0 FROM subscriptions WHERE state <> 'active'
GROUP BY list, COALESCE(ended_at, began_at) / 86400000
ON CONFLICT (list, day) DO UPDATE SET ended = growth.ended + excluded.ended;

-- How many deliveries each mailing has, and how many of them are settled. What is not settled is asked of indexes.
CREATE TABLE delivery_counts (
    mailing       BIGINT NOT NULL PRIMARY KEY,
    queued        BIGINT NOT NULL, -- all that were ever queued
    sent          BIGINT NOT NULL,
    bounced       BIGINT NOT NULL,
    expired       BIGINT NOT NULL,
    dropped       BIGINT NOT NULL,
    first_sent_at BIGINT,
    last_sent_at  BIGINT
);
INSERT INTO delivery_counts (mailing, queued, sent, bounced, expired, dropped, first_sent_at, last_sent_at)
SELECT mailing, COUNT(*), CAST(SUM(CASE WHEN state = 'sent' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN state = 'bounced' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN state = 'dropped' THEN 1 ELSE 0 END) AS BIGINT),
       MIN(CASE WHEN state = 'sent' THEN changed_at END), MAX(CASE WHEN state = 'sent' THEN changed_at END)
FROM deliveries GROUP BY mailing;
CREATE INDEX deliveries_troubled ON deliveries (mailing, state) WHERE state IN ('deferred', 'unknown', 'bounced');
