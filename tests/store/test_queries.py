"""Every statement of the store, asked of SQLite's planner; and values that try to be statements."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import reconciler.store
from reconciler.errors import Invalid
from reconciler.model import Override, Ref
from reconciler.ports.store import EventFilter, Kept, Note, Sampled
from reconciler.settings import Retention
from reconciler.store import columns, queries
from reconciler.store.migrating import migrate, migrations
from reconciler.store.sqlite import SqliteStore
from tests.store.records import NOW, WEB, AnyStore, event, judged, planned, sampled

USED = sampled().usage
HOSTILE = ["'; DROP TABLE events; --", '" OR 1=1 --', "%", "a\x00b", "?", ":low", "\\'", "*", "Robert'); --"]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    migrate(opened, migrations())
    yield opened
    opened.close()


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    named = dict.fromkeys(re.findall(r":(\w+)", statement), "x")
    values = named or [1] * statement.count("?")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.req("CORE-28", "CORE-32", "TST-09")
@pytest.mark.parametrize("statement", queries.HOT.values(), ids=queries.HOT)
def test_a_hot_query_finds_its_rows_by_an_index(connection: sqlite3.Connection, statement: str) -> None:
    steps = plan(connection, statement)
    scans = [step for step in steps if step.startswith("SCAN") and not reads_little(step)]
    assert scans == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def reads_little(step: str) -> bool:
    """The statement's own row, what a step before it has found, or SQLite's table of three counters."""
    return step in {"SCAN CONSTANT ROW", "SCAN found", "SCAN sqlite_sequence"}


@pytest.mark.req("CORE-28")
@pytest.mark.parametrize("statement", queries.WHOLE.values(), ids=queries.WHOLE)
def test_a_table_that_is_read_whole_is_read_as_it_lies(
    connection: sqlite3.Connection, statement: str
) -> None:
    steps = plan(connection, statement)
    assert len(steps) == 1
    assert steps[0].startswith("SCAN")


@pytest.mark.req("CORE-28")
def test_no_statement_escapes_the_planner() -> None:
    """Every SQL text of the module stands in `HOT` or `WHOLE`."""
    asked = {*queries.HOT.values(), *queries.WHOLE.values()}
    texts = {
        name: value
        for name, value in vars(queries).items()
        if isinstance(value, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", value)
    }
    assert texts
    assert {name for name, value in texts.items() if value not in asked} == set()


@pytest.mark.req("CORE-30")
def test_statements_stand_in_one_place_and_take_parameters() -> None:
    """What is executed elsewhere is a name from `queries`, or a text without any value in it."""
    folder = Path(reconciler.store.__file__).parent
    built = [
        f"{file.name}:{call.lineno}"
        for file in sorted(folder.glob("*.py"))
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"execute", "executemany", "executescript"}
        and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
        and not ast.unparse(call.args[0]).startswith("f'PRAGMA")
    ]
    assert built == []


@pytest.mark.req("CORE-30")
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_text_is_only_a_text(store: AnyStore, text: str) -> None:
    ref = Ref(text, text, text)
    wish = Kept(ref, {text: text}, text, 1, text, text, {text: text})
    await store.commit(
        wish,
        judged(ref, text),
        planned(ref),
        event(text, ref),
        Note(text, text),
        Override(text, ref, {}, text, text, NOW),
    )
    saved = await store.load()
    assert saved.inventory == {ref: wish}
    assert saved.notes == {text: text}
    assert saved.overrides == [Override(text, ref, {}, text, text, NOW)]
    assert await store.plans(ref, 9) == [planned(ref)]
    for only in (EventFilter(names=(text,)), EventFilter(subject=ref), EventFilter(kind=text)):
        assert [one.name for one in await store.events(0, 9, only)] == [text]
    assert await store.revisions(text, 9) == []


@pytest.mark.req("CORE-28")
async def test_a_person_with_a_shell_sees_what_is_kept_and_how_it_is(sqlite: SqliteStore, path: Path) -> None:
    web, db = Ref("Service", "default", "web"), Ref("Service", "default", "db")
    await sqlite.commit(Kept(web, {}, "", 3, "root", "r1"), judged(web), Kept(db, {}, "", 1, "root", "r1"))
    shell = sqlite3.connect(path)
    how_it_is = "SELECT kind, name, generation, ready, reason, message FROM resources ORDER BY name"
    rows = shell.execute(how_it_is).fetchall()
    shell.close()
    assert rows == [
        ("Service", "db", 1, None, None, None),
        ("Service", "web", 3, 1, "Converged", "all is well"),
    ]


@pytest.mark.req("CORE-28")
def test_foreign_keys_hold(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute(queries.PUT_FILE, ("root", "r1", "a.yaml", "0" * 64, 0))


@pytest.mark.req("CORE-27")
async def test_it_is_durable_and_readers_do_not_wait(sqlite: SqliteStore) -> None:
    def pragma(connection: sqlite3.Connection, name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert sqlite._writer is not None
    assert await sqlite._writer.run(pragma, "journal_mode") == "wal"
    assert await sqlite._writer.run(pragma, "synchronous") == 2
    assert await sqlite._writer.run(pragma, "foreign_keys") == 1
    assert await sqlite._reader.run(pragma, "query_only") == 1


@pytest.mark.req("CORE-29")
@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(sampled(memory=-1), id="memory below nothing"),
        pytest.param(replace(sampled(), memory_peak_bytes=0), id="a peak below what is there"),
        pytest.param(replace(sampled(), usage=replace(USED, cpu_s=-0.1)), id="time below nothing"),
        pytest.param(replace(sampled(), usage=replace(USED, restarts=-1)), id="fewer starts than none"),
        pytest.param(replace(sampled(), usage=replace(USED, read_bytes=-1)), id="bytes below nothing"),
    ],
)
async def test_what_cannot_have_been_used_is_refused(sqlite: SqliteStore, lie: Sampled) -> None:
    with pytest.raises(Invalid, match="CHECK constraint"):
        await sqlite.commit(lie)
    assert await sqlite.samples(WEB, NOW, NOW, 9) == []


@pytest.mark.req("CORE-29")
async def test_a_damaged_sample_is_a_gap_and_goes_with_the_next_thinning(
    sqlite: SqliteStore, path: Path
) -> None:
    moments = [NOW - timedelta(hours=9, seconds=n) for n in (40, 20, 0)]
    await sqlite.commit(*(sampled(at=at) for at in moments))
    shell = sqlite3.connect(path)
    shell.execute("UPDATE service_metrics SET processes = 77 WHERE at = ?", (columns.moment(moments[1]),))
    shell.commit()
    shell.close()
    found = await sqlite.samples(WEB, moments[0], NOW, 9)
    assert [one.at for one in found] == [moments[0], moments[2]]
    assert (await sqlite.prune(NOW, Retention()))["samples"] == 2
    assert await sqlite.samples(WEB, moments[0], NOW, 9) == [sampled(at=moments[2])]
