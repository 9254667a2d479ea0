-- The notices of one reader. Each is a mailing of its own, so that there may be more of them than readers; issues are few, and
-- their deliveries are found by issue and reader.
CREATE INDEX deliveries_of_notices ON deliveries (subscriber) WHERE lane = 0;
