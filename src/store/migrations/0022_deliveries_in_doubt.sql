-- Those who may have a message, though a later try came to another end: few, and asked for while a correction is held. With
-- both columns SQLite takes this index, and not the one that walks over the mailing.
CREATE INDEX deliveries_in_doubt ON deliveries (mailing, was_unknown) WHERE was_unknown = 1;
