"""The events since a moment are found wherever the clock had jumped, and whatever was dropped meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reconciler.store import queries
from reconciler.store.since import Since

# What happens to the log: an event at a moment, a gap in the ids, the oldest dropped; or somebody asks.
DOINGS = some.lists(
    some.one_of(
        some.tuples(some.just("event"), some.integers(-50, 50)),
        some.tuples(some.just("gap"), some.integers(1, 10**12)),
        some.tuples(some.just("drop"), some.integers(1, 10)),
        some.tuples(some.just("ask"), some.integers(-60, 60)),
    ),
    max_size=80,
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL)")
        made.execute("CREATE INDEX events_by_time ON events (at)")
        yield made


@given(doings=DOINGS)
def test_as_a_walk_over_all_of_them_would_find_it(doings: list[tuple[str, int]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL)")
        connection.execute("INSERT INTO events VALUES (1, 0)")
        since = Since(a_block=4)
        for doing, number in doings:
            if doing == "event":
                connection.execute("INSERT INTO events (at) VALUES (?)", (number,))
            elif doing == "gap":
                connection.execute("UPDATE sqlite_sequence SET seq = seq + ?", (number,))
            elif doing == "drop":
                connection.execute(
                    "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?)", (number,)
                )
            else:
                walked = connection.execute("SELECT min(id) FROM events WHERE at >= ?", (number,))
                assert since.first(connection, number) == walked.fetchone()[0]


def test_what_is_full_is_looked_at_once(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO events (at) VALUES (?)", ((n,) for n in range(100)))
    asked: list[str] = []
    since = Since(a_block=10)
    assert since.first(connection, 99) == 100
    connection.set_trace_callback(asked.append)
    assert since.first(connection, 99) == 100
    looked = queries.LATEST_OF.partition("WHERE")[0]
    assert sum(one.startswith(looked) for one in asked) == 1, "only at the block that still grows"
