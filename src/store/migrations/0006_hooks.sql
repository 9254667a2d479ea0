-- Tokens that came to a hook, each with what it came with, so that nobody who has seen one can send something else
-- with it. Kept for as long as a token is good.
CREATE TABLE hook_tokens (
    token   TEXT   NOT NULL PRIMARY KEY,
    body    TEXT   NOT NULL, -- SHA-256 of the request's body, in hexadecimal
    seen_at BIGINT NOT NULL
);
CREATE INDEX hook_tokens_seen ON hook_tokens (seen_at);
