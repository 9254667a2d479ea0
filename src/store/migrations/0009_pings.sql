-- Pings: somebody says that a feed has news. A look hears those that came before it began; while more have come than were
-- heard, the feed is due.
ALTER TABLE feeds ADD COLUMN pings BIGINT NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN pings_heard BIGINT NOT NULL DEFAULT 0;
