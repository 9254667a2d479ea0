-- The event that a post announces, as JSON; none for most.
ALTER TABLE posts ADD COLUMN event TEXT;
