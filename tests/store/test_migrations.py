"""Numbered steps from any schema to today's: each whole or not at all, each once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler.store
from reconciler.errors import Corrupt, Refused
from reconciler.store.migrating import Migration, migrate, migrations, schema, version

ADD = Migration(2, "add", "CREATE TABLE added (a TEXT) STRICT;\nINSERT INTO added VALUES ('x;y');\n")
WITH_TRIGGER = Migration(
    3,
    "trigger",
    "-- one; with a semicolon\nCREATE TRIGGER t AFTER INSERT ON added BEGIN\n"
    "    DELETE FROM added WHERE a = ';';\n    DELETE FROM added WHERE a = '';\nEND;\n"
    "INSERT INTO added VALUES (';');",
)
BROKEN = Migration(3, "broken", "CREATE TABLE half (a TEXT);\nINSERT INTO nowhere VALUES (1);")

pytestmark = pytest.mark.req("CORE-28")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_new_store_walks_all_steps(connection: sqlite3.Connection) -> None:
    assert version(connection) == 0
    migrate(connection, migrations())
    assert version(connection) == len(migrations())
    assert {"inventory", "events"} <= tables(connection)


def test_an_old_store_walks_those_that_are_missing(connection: sqlite3.Connection) -> None:
    first = migrations()[:1]
    migrate(connection, first)
    connection.execute("INSERT INTO notes VALUES ('kept', '1', 0)")
    migrate(connection, [*first, ADD])
    migrate(connection, [*first, ADD, WITH_TRIGGER])
    assert version(connection) == 3
    assert connection.execute("SELECT a FROM added").fetchall() == [("x;y",)]
    assert connection.execute("SELECT key FROM notes").fetchall() == [("kept",)]
    before = connection.total_changes
    migrate(connection, [*first, ADD, WITH_TRIGGER])
    assert connection.total_changes == before


def test_a_step_that_fails_leaves_nothing(connection: sqlite3.Connection) -> None:
    first = migrations()[:1]
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, [*first, ADD, BROKEN])
    assert version(connection) == 2
    assert "half" not in tables(connection)
    assert not connection.in_transaction
    migrate(connection, [*first, ADD, WITH_TRIGGER])
    assert version(connection) == 3


def test_a_newer_store_is_refused(connection: sqlite3.Connection) -> None:
    migrate(connection, [*migrations()[:1], ADD])
    with pytest.raises(Refused, match="schema 2, this one knows 1") as caught:
        migrate(connection, migrations()[:1])
    assert "install that version" in caught.value.remedy


def test_a_number_that_was_altered_is_no_version(connection: sqlite3.Connection) -> None:
    migrate(connection, migrations())
    connection.execute("UPDATE migrations SET number = 250 WHERE number = 1")
    with pytest.raises(Corrupt):
        version(connection)


def test_steps_are_numbered_without_a_gap(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (b TEXT);")
    (tmp_path / "0003_third.sql").write_text("CREATE TABLE c (d TEXT);")
    with pytest.raises(ValueError, match="expected migration 0002"):
        migrations(tmp_path)


def test_the_schema_that_people_read_is_the_one_that_stands(connection: sqlite3.Connection) -> None:
    text = Path(reconciler.store.__file__).with_name("schema.sql").read_text()
    assert text == schema(), "`make gen` writes it anew"
    connection.executescript(text)
    assert tables(connection) >= {
        "inventory",
        "memory",
        "statuses",
        "plans",
        "events",
        "revisions",
        "contents",
    }


def test_each_table_is_strict_and_has_a_key(connection: sqlite3.Connection) -> None:
    migrate(connection, migrations())
    own = {name for name in tables(connection) if not name.startswith("sqlite_")}
    strict = {row[1] for row in connection.execute("PRAGMA table_list") if row[5]}
    keyed = {
        name
        for name in own
        if any(row[5] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (name,)))
    }
    assert strict == keyed == own
