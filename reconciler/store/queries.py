"""Every statement that the store runs while it works, by name; the tests ask the planner about each.

Rules: values go in as parameters only; a statement of `HOT` finds its rows by an index, one of `WHOLE` reads
a table to its end because all of it is wanted. The schema itself stands in `migrations`.
"""

# ruff: noqa: S608 - the statements are put together from this file's own words, never from a value

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _upsert(table: str, key: str, columns: str) -> str:
    """Put a row at its key. Identical content dirties no page, so that it costs no write to disk."""
    names = columns.split()
    rest = [name for name in names if name not in key.split()]
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(key.split())}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in rest)
    )


_INVENTORY = "kind namespace name source revision generation doomed digest wish seal"
_STATUS = "kind namespace name generation observed_generation revision error judged seal"
_OVERRIDE = "id kind namespace name patch author reason created until seal"
_EVENT = "id, name, at, kind, namespace, subject, actor, request_id, trace_id, data, seal"
_PLAN = "kind, namespace, name, at, generation, changes, steps, seal"
_SAMPLE = (
    "at kind namespace name started_at restarts cpu_us memory_bytes memory_peak_bytes processes read_bytes "
    "written_bytes seal"
)
_OPERATION = "id, kind, actor, at, state, data, seal"

PUT: Mapping[str, str] = MappingProxyType(
    {
        "inventory": _upsert("inventory", "kind namespace name", _INVENTORY),
        "memory": _upsert("memory", "kind namespace name", "kind namespace name facts seal"),
        "statuses": _upsert("statuses", "kind namespace name", _STATUS),
        "overrides": _upsert("overrides", "id", _OVERRIDE),
        "operations": _upsert("operations", "id", _OPERATION.replace(",", "")),
        "notes": _upsert("notes", "key", "key value seal"),
        "service_metrics": _upsert("service_metrics", "at kind namespace name", _SAMPLE),
        "plans": f"INSERT INTO plans ({_PLAN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "events": f"INSERT INTO events ({_EVENT}, link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "revisions": (
            "INSERT INTO revisions (source, revision, at, outcome, message, seal, turn) "
            "VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(turn), 0) + 1 FROM revisions)) "
            "ON CONFLICT (source, revision) DO UPDATE SET turn = excluded.turn, at = excluded.at, "
            "outcome = excluded.outcome, message = excluded.message, seal = excluded.seal"
        ),
    }
)
TAKE: Mapping[str, str] = MappingProxyType(
    {
        "inventory": "DELETE FROM inventory WHERE kind = ? AND namespace = ? AND name = ?",
        "memory": "DELETE FROM memory WHERE kind = ? AND namespace = ? AND name = ?",
        "statuses": "DELETE FROM statuses WHERE kind = ? AND namespace = ? AND name = ?",
        "overrides": "DELETE FROM overrides WHERE id = ?",
        "notes": "DELETE FROM notes WHERE key = ?",
        "service_metrics": (
            "DELETE FROM service_metrics WHERE at = ? AND kind = ? AND namespace = ? AND name = ?"
        ),
    }
)

# Files are kept once: a revision that has its files keeps them, a content that is there is not written again.
HAS_FILES = "SELECT has_files FROM revisions WHERE source = ? AND revision = ?"
MARK_FILES = "UPDATE revisions SET has_files = 1 WHERE source = ? AND revision = ?"
HAS_CONTENT = "SELECT 1 FROM contents WHERE sha256 = ?"
PUT_CONTENT = "INSERT INTO contents (sha256, body) VALUES (?, ?)"
PUT_FILE = "INSERT INTO revision_files (source, revision, path, sha256, seal) VALUES (?, ?, ?, ?, ?)"
FILES = (
    "SELECT path, body, source, revision, sha256, seal FROM revision_files JOIN contents USING (sha256) "
    "WHERE source = ? AND revision = ? ORDER BY path"
)

LAST_EVENT = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"
GO_ON_ABOVE = "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)"
EVENT_IDS = "SELECT coalesce((SELECT min(id) FROM events), 0), coalesce((SELECT max(id) FROM events), 0)"
FIRST_FROM = "SELECT min(id) FROM events WHERE id >= ?"
LATEST_OF = "SELECT max(+at) FROM events WHERE id >= ? AND id < ?"
FIRST_SINCE = "SELECT min(id) FROM events WHERE id >= ? AND id < ? AND +at >= ?"
EVENTS = f"SELECT {_EVENT} FROM events WHERE id > ? ORDER BY id"
EVENTS_ASKED_FOR = f"SELECT {_EVENT} FROM events WHERE id > ? AND actor <> 'holdfast' ORDER BY id"
EVENTS_OF_SUBJECT = (
    f"SELECT {_EVENT} FROM events WHERE kind = ? AND namespace = ? AND subject = ? AND id > ? ORDER BY id"
)
EVENTS_OF_KIND = f"SELECT {_EVENT} FROM events WHERE kind = ? AND id > ? ORDER BY id"
EVENTS_NAMED = f"SELECT {_EVENT} FROM events WHERE name = ? AND id > ? ORDER BY id"
# The names that begin with a prefix, one jump in the index for each instead of a walk over all events.
EVENT_NAMES = """
WITH RECURSIVE found (name) AS (
    SELECT min(name) FROM events WHERE name >= :low AND name < :high
    UNION ALL
    SELECT (SELECT min(name) FROM events WHERE name > found.name AND name < :high)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""

PLANS = f"SELECT {_PLAN} FROM plans WHERE kind = ? AND namespace = ? AND name = ? ORDER BY id DESC LIMIT ?"
REVISIONS = (
    "SELECT source, revision, at, outcome, message, seal FROM revisions WHERE source = ? "
    "ORDER BY turn DESC LIMIT ?"
)
OPERATIONS = f"SELECT {_OPERATION} FROM operations WHERE number > 0 ORDER BY number DESC LIMIT ?"
OPERATION = f"SELECT {_OPERATION} FROM operations WHERE id = ?"
NOTE = "SELECT key, value, seal FROM notes WHERE key = ?"

# The rounds in which services were measured, one jump in the index for each instead of a walk over all rows.
_FOUND = """
RECURSIVE found (at) AS (
    SELECT min(at) FROM service_metrics WHERE at >= :since
    UNION ALL
    SELECT (SELECT min(at) FROM service_metrics WHERE at > found.at) FROM found WHERE found.at < :until
)
"""
ROUNDS = f"WITH {_FOUND} SELECT at FROM found WHERE at <= :until"
_SAMPLE_COLUMNS = ", ".join(f"m.{name}" for name in _SAMPLE.split())
SAMPLES = (
    f"WITH {_FOUND} SELECT {_SAMPLE_COLUMNS} FROM found CROSS JOIN service_metrics AS m ON m.at = found.at "
    "WHERE found.at <= :until AND m.kind = :kind AND m.namespace = :namespace AND m.name = :name"
)

# What retention looks for, and takes away.
EVENTS_BEFORE = "SELECT id FROM events WHERE at < ? LIMIT ?"
EVENTS_BEYOND = (
    "SELECT id FROM events "
    "WHERE id <= (SELECT id FROM events WHERE id > 0 ORDER BY id DESC LIMIT 1 OFFSET ?) ORDER BY id LIMIT ?"
)
OPERATIONS_BEFORE = "SELECT number FROM operations WHERE at < ? LIMIT ?"
OPERATIONS_BEYOND = (
    "SELECT number FROM operations WHERE number <= "
    "(SELECT number FROM operations WHERE number > 0 ORDER BY number DESC LIMIT 1 OFFSET ?) "
    "ORDER BY number LIMIT ?"
)
_SAMPLE_KEY = "at, kind, namespace, name"
SAMPLES_BEFORE = f"SELECT {_SAMPLE_KEY} FROM service_metrics WHERE at < ? LIMIT ?"
SAMPLES_BEYOND = (
    f"SELECT {_SAMPLE_KEY} FROM service_metrics WHERE ({_SAMPLE_KEY}) <= "
    f"(SELECT {_SAMPLE_KEY} FROM service_metrics WHERE at > 0 "
    "ORDER BY at DESC, kind DESC, namespace DESC, name DESC LIMIT 1 OFFSET ?) "
    f"ORDER BY {_SAMPLE_KEY} LIMIT ?"
)
SAMPLES_BETWEEN = (
    f"SELECT {_SAMPLE_COLUMNS} FROM service_metrics AS m WHERE at >= ? AND at <= ? ORDER BY {_SAMPLE_KEY}"
)
PLANNED_REFS = (
    "SELECT kind, namespace, name, count(*), EXISTS (SELECT 1 FROM inventory AS i "
    "WHERE i.kind = p.kind AND i.namespace = p.namespace AND i.name = p.name) "
    "FROM plans AS p WHERE (kind, namespace, name) > (?, ?, ?) GROUP BY kind, namespace, name LIMIT ?"
)
PLANS_BEYOND = (
    "SELECT id FROM plans WHERE kind = ? AND namespace = ? AND name = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
)
PLANS_BEFORE = "SELECT id FROM plans WHERE kind = ? AND namespace = ? AND name = ? AND at < ?"
EARLIER_PLANS_BEFORE = (
    "SELECT id FROM plans AS p WHERE kind = ? AND namespace = ? AND name = ? AND at < ? AND EXISTS (SELECT 1 "
    "FROM plans AS q WHERE q.kind = p.kind AND q.namespace = p.namespace AND q.name = p.name AND q.id > p.id)"
)
TAKE_EVENT = "DELETE FROM events WHERE id = ?"
LINK_OF = "SELECT link FROM events WHERE id = :id UNION ALL SELECT link FROM gaps WHERE id = :id"
GAP_ENDING = "DELETE FROM gaps WHERE id = ? RETURNING first"
GAP_BEGINNING = "DELETE FROM gaps WHERE first = ? RETURNING id, link"
PUT_GAP = "INSERT INTO gaps (first, id, link) VALUES (?, ?, ?)"
GAPS = "SELECT first, id, link FROM gaps"
CHAIN = f"SELECT {_EVENT}, link FROM events ORDER BY id"
TAKE_OPERATION = "DELETE FROM operations WHERE number = ?"
TAKE_PLAN = "DELETE FROM plans WHERE id = ?"
TAKE_REVISION = "DELETE FROM revisions WHERE source = ? AND revision = ? AND turn = ?"

HOT: Mapping[str, str] = MappingProxyType(
    {
        **{f"put {table}": text for table, text in PUT.items()},
        **{f"take {table}": text for table, text in TAKE.items()},
        "last event": LAST_EVENT,
        "go on above": GO_ON_ABOVE,
        "has files": HAS_FILES,
        "mark files": MARK_FILES,
        "has content": HAS_CONTENT,
        "put content": PUT_CONTENT,
        "put file": PUT_FILE,
        "files": FILES,
        "event ids": EVENT_IDS,
        "first from": FIRST_FROM,
        "latest of": LATEST_OF,
        "first since": FIRST_SINCE,
        "events": EVENTS,
        "events asked for": EVENTS_ASKED_FOR,
        "events of subject": EVENTS_OF_SUBJECT,
        "events of kind": EVENTS_OF_KIND,
        "events named": EVENTS_NAMED,
        "event names": EVENT_NAMES,
        "plans": PLANS,
        "revisions": REVISIONS,
        "operations": OPERATIONS,
        "operation": OPERATION,
        "note": NOTE,
        "rounds": ROUNDS,
        "samples": SAMPLES,
        "samples before": SAMPLES_BEFORE,
        "samples beyond": SAMPLES_BEYOND,
        "samples between": SAMPLES_BETWEEN,
        "events before": EVENTS_BEFORE,
        "events beyond": EVENTS_BEYOND,
        "operations before": OPERATIONS_BEFORE,
        "operations beyond": OPERATIONS_BEYOND,
        "planned refs": PLANNED_REFS,
        "plans beyond": PLANS_BEYOND,
        "plans before": PLANS_BEFORE,
        "earlier plans before": EARLIER_PLANS_BEFORE,
        "take event": TAKE_EVENT,
        "link of": LINK_OF,
        "gap ending": GAP_ENDING,
        "gap beginning": GAP_BEGINNING,
        "put gap": PUT_GAP,
        "take operation": TAKE_OPERATION,
        "take plan": TAKE_PLAN,
        "take revision": TAKE_REVISION,
    }
)

NEWEST_REVISIONS = "SELECT source, revision, outcome, at, turn FROM revisions ORDER BY turn DESC"
_KEPT = _INVENTORY.replace(" ", ", ")
TABLES: Mapping[str, str] = MappingProxyType(
    {
        "inventory": f"SELECT {_KEPT} FROM inventory",
        "memory": "SELECT kind, namespace, name, facts, seal FROM memory",
        "statuses": f"SELECT {_STATUS.replace(' ', ', ')} FROM statuses",
        "overrides": f"SELECT {_OVERRIDE.replace(' ', ', ')} FROM overrides",
        "notes": "SELECT key, value, seal FROM notes",
        "plans": f"SELECT {_PLAN} FROM plans ORDER BY id",
        "events": f"SELECT {_EVENT} FROM events ORDER BY id",
        "revisions": "SELECT source, revision, at, outcome, message, seal FROM revisions ORDER BY turn",
        "revision_files": "SELECT source, revision, path, sha256, seal FROM revision_files",
        "operations": f"SELECT {_OPERATION} FROM operations ORDER BY number",
        "service_metrics": f"SELECT {_SAMPLE.replace(' ', ', ')} FROM service_metrics",
    }
)
WHOLE: Mapping[str, str] = MappingProxyType(
    {**TABLES, "newest revisions": NEWEST_REVISIONS, "gaps": GAPS, "chain": CHAIN}
)
