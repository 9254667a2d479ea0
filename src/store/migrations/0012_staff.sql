-- Who works at the desk. Nobody is deleted: what they did names them.
CREATE TABLE staff (
    id            BIGINT NOT NULL PRIMARY KEY,
    address       TEXT   NOT NULL,
    address_key   TEXT   NOT NULL UNIQUE,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL,
    password      TEXT,                       -- argon2id as a PHC string; none: not chosen yet
    second_factor TEXT,                       -- the secret of a TOTP program, in base32
    factor_step   BIGINT NOT NULL DEFAULT 0,  -- the last of its steps that was used, so that a code is good once
    made_at       BIGINT NOT NULL,
    ended_at      BIGINT
);

-- Links that let one of staff choose a password, once.
CREATE TABLE staff_links (
    id      BIGINT NOT NULL PRIMARY KEY,
    staff   BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX staff_links_by_staff ON staff_links (staff, made_at);

CREATE TABLE sessions (
    digest   TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of what the cookie holds
    staff    BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL
);
CREATE INDEX sessions_by_staff ON sessions (staff);

-- Who tried in vain to sign in: a fingerprint of the address, or a network.
CREATE TABLE failed_sign_ins (
    who      TEXT   NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    next_at  BIGINT NOT NULL -- before this no try is taken
);
CREATE INDEX failed_sign_ins_next ON failed_sign_ins (next_at);
