-- A digest of the event and of the link before it; null: written before there was a chain.
ALTER TABLE events ADD COLUMN link BLOB CHECK (link IS NULL OR length(link) = 32);

CREATE TABLE gaps (
    -- Where retention has let go of events, all from `first` on to this id, with the link of the last of them.
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL UNIQUE CHECK (first <= id),
    link BLOB CHECK (link IS NULL OR length(link) = 32)
) STRICT;

-- What somebody has asked for: the audit trail.
CREATE INDEX events_by_actor ON events (id, actor) WHERE actor <> 'holdfast';
