-- Programs that may use the API. Nobody is deleted: what they did names them.
CREATE TABLE access_tokens (
    id         BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    digest     TEXT   NOT NULL, -- SHA-256 of the secret in it
    scopes     TEXT   NOT NULL, -- words with spaces between
    lists      TEXT,            -- names with spaces between; none: every list
    made_at    BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    seen_at    BIGINT           -- to the hour
);

-- What was answered to requests that must be done once, by the key that came with each.
CREATE TABLE api_answers (
    token    BIGINT NOT NULL,
    name     TEXT   NOT NULL, -- the key, as a digest
    request  TEXT   NOT NULL, -- a digest of route and body
    began_at BIGINT NOT NULL,
    turn     BIGINT NOT NULL, -- how many have begun it
    turn_at  BIGINT NOT NULL, -- when the last of them did
    status   BIGINT,          -- none: it is being done, or whoever did it was killed
    body     TEXT,
    PRIMARY KEY (token, name)
);
CREATE INDEX api_answers_began ON api_answers (began_at);
