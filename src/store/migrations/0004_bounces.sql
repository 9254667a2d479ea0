-- What other systems said of a delivery after, or instead of, taking it. One row for each delivery; of two reports the
-- stronger one stands.
CREATE TABLE bounces (
    mailing    BIGINT NOT NULL,
    subscriber BIGINT NOT NULL,
    class      TEXT   NOT NULL, -- 'policy', 'soft', 'hard', 'complaint'; the later, the stronger
    code       TEXT,            -- the enhanced status code, such as '5.1.1'
    words      TEXT   NOT NULL, -- the reason, without addresses
    at         BIGINT NOT NULL,
    judged_at  BIGINT,          -- none: nothing has followed from it yet
    lifted_at  BIGINT,          -- staff lifted the suppression it led to; it counts no more
    PRIMARY KEY (mailing, subscriber)
);
CREATE INDEX bounces_by_subscriber ON bounces (subscriber, mailing);
CREATE INDEX bounces_unjudged ON bounces (mailing, subscriber) WHERE judged_at IS NULL;

ALTER TABLE suppressions ADD COLUMN kind TEXT NOT NULL DEFAULT 'staff';
