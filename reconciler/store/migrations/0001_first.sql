-- What one node remembers. Times are microseconds since 1970 in UTC; what has a shape of its own is JSON.
-- `seal` is a checksum over the row's other columns: SQLite has none, and a disk that lies must not pass for truth.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    name TEXT NOT NULL,
    seal INTEGER NOT NULL
) STRICT;

CREATE TABLE inventory (
    -- What was wanted last of all that is, or may be, really there: the ground for pruning.
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    doomed INTEGER NOT NULL CHECK (doomed IN (0, 1)),
    digest TEXT NOT NULL,
    wish TEXT NOT NULL, -- [spec, labels, annotations, needs, parent]
    seal INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) STRICT;

CREATE TABLE memory (
    -- Neither memory nor a status hangs on the inventory: what is foreign has a status and is not in it.
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    facts TEXT NOT NULL,
    seal INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) STRICT;

CREATE TABLE statuses (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    observed_generation INTEGER NOT NULL CHECK (observed_generation >= 0),
    revision TEXT NOT NULL,
    error TEXT NOT NULL,
    judged TEXT NOT NULL, -- [[[type, status, reason, message, since], ...], reached, waits for]
    seal INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) STRICT;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 0),
    changes TEXT NOT NULL,
    steps TEXT NOT NULL,
    seal INTEGER NOT NULL
) STRICT;
CREATE INDEX plans_of_ref ON plans (kind, namespace, name, id);

CREATE TABLE events (
    -- AUTOINCREMENT: an id that was ever given is never given again, even after its event was pruned.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    at INTEGER NOT NULL,
    kind TEXT,
    namespace TEXT,
    subject TEXT,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    data TEXT NOT NULL,
    seal INTEGER NOT NULL,
    CHECK ((kind IS NULL) = (subject IS NULL) AND (kind IS NULL) = (namespace IS NULL))
) STRICT;
CREATE INDEX events_of_subject ON events (kind, namespace, subject, id) WHERE kind IS NOT NULL;
CREATE INDEX events_of_kind ON events (kind, id) WHERE kind IS NOT NULL;
CREATE INDEX events_by_name ON events (name, id);
CREATE INDEX events_by_time ON events (at);

CREATE TABLE revisions (
    -- `turn` grows with each record, so that a revision which was returned to counts as the newest again.
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    turn INTEGER NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome <> ''),
    message TEXT NOT NULL,
    has_files INTEGER NOT NULL DEFAULT 0 CHECK (has_files IN (0, 1)),
    seal INTEGER NOT NULL,
    PRIMARY KEY (source, revision)
) STRICT;
CREATE INDEX revisions_of_source ON revisions (source, turn);

CREATE TABLE contents (
    -- Contents stand here once, however many revisions hold them; `body` is compressed.
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    body BLOB NOT NULL
) STRICT;

CREATE TABLE revision_files (
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES contents (sha256),
    seal INTEGER NOT NULL,
    PRIMARY KEY (source, revision, path),
    FOREIGN KEY (source, revision) REFERENCES revisions (source, revision) ON DELETE CASCADE
) STRICT;
CREATE INDEX revision_files_by_content ON revision_files (sha256);

CREATE TRIGGER contents_go_with_the_last_file AFTER DELETE ON revision_files BEGIN
    DELETE FROM contents
    WHERE sha256 = OLD.sha256 AND NOT EXISTS (SELECT 1 FROM revision_files WHERE sha256 = OLD.sha256);
END;

CREATE TABLE overrides (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    patch TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    until INTEGER,
    seal INTEGER NOT NULL
) STRICT;

CREATE TABLE operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    data TEXT NOT NULL,
    seal INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_by_time ON operations (at);

CREATE TABLE notes (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    seal INTEGER NOT NULL
) STRICT;

-- For a person with a SQLite shell: what is kept, and how it is.
CREATE VIEW resources AS
SELECT
    i.kind,
    i.namespace,
    i.name,
    i.source,
    i.revision,
    i.generation,
    i.doomed,
    json_extract(c.value, '$[1]') AS ready,
    json_extract(c.value, '$[2]') AS reason,
    json_extract(c.value, '$[3]') AS message,
    s.error
FROM inventory AS i
LEFT JOIN statuses AS s USING (kind, namespace, name)
LEFT JOIN json_each(s.judged, '$[0]') AS c ON json_extract(c.value, '$[0]') = 'Ready';
