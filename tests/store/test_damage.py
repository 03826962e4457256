"""Whatever happens to the bytes of a store, it opens with what was written or says that it was rebuilt.

Never anything between: no wrong value, no half of a commit, no crash, and no error that names nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Problem
from reconciler.model import Ref
from reconciler.ports.store import Note, Saved, Write
from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.folders import left_by_a_kill, stored
from tests.store.records import NOW, WEB, FixedClock, event, judged, kept, one_of_each, planned, sampled

Damage = Callable[[bytes], bytes]

COMMITS: list[Write] = [
    *one_of_each(),
    *(kept(Ref("Service", "default", f"n{n}"), args=["x" * (37 * n % 900)]) for n in range(30)),
    *(judged(Ref("Service", "default", f"n{n}")) for n in range(30)),
    *(event(number=n) for n in range(30)),
    *(sampled(at=NOW + timedelta(seconds=15 * n)) for n in range(60)),
]


@dataclass(frozen=True)
class Original:
    """A store's files, and all states that it has gone through, the last one last."""

    files: Mapping[str, bytes]
    states: Sequence[Saved]


@cache
def closed() -> Original:
    return asyncio.run(_closed())


@cache
def killed() -> Original:
    return asyncio.run(_killed())


async def _closed() -> Original:
    with tempfile.TemporaryDirectory() as folder:
        await stored(Path(folder) / "holdfast.db", *COMMITS)
        return Original(_files(folder), (await _states())[-1:])


async def _killed() -> Original:
    with tempfile.TemporaryDirectory() as folder:
        await left_by_a_kill(Path(folder) / "holdfast.db", *COMMITS)
        return Original(_files(folder), await _states())


def _files(folder: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


async def _states() -> list[Saved]:
    store = MemoryStore()
    states = [await store.load()]
    for one in COMMITS:
        await store.commit(one)
        states.append(await store.load())
    return states


def cut(body: bytes, at: float) -> bytes:
    return body[: int(len(body) * at)]


def flipped(body: bytes, places: list[tuple[float, int]]) -> bytes:
    changed = bytearray(body)
    for place, bit in places:
        changed[int(len(body) * place)] ^= 1 << bit
    return bytes(changed)


def blotted(body: bytes, at: float, length: int, by: int) -> bytes:
    start = int(len(body) * at)
    return body[:start] + bytes([by]) * len(body[start : start + length]) + body[start + length :]


def swapped(body: bytes, one: float, other: float) -> bytes:
    """One page where another should be."""
    pages = [body[start : start + 4096] for start in range(0, len(body), 4096)]
    a, b = int(len(pages) * one), int(len(pages) * other)
    pages[a], pages[b] = pages[b], pages[a]
    return b"".join(pages)


shares = st.floats(0, 1, exclude_max=True)
damages = st.one_of(
    st.builds(lambda at: lambda body: cut(body, at), shares),
    st.builds(
        lambda places: lambda body: flipped(body, places),
        st.lists(st.tuples(shares, st.integers(0, 7)), min_size=1, max_size=8),
    ),
    st.builds(
        lambda at, length, by: lambda body: blotted(body, at, length, by),
        shares,
        st.integers(1, 5000),
        st.sampled_from([0, 255]),
    ),
    st.builds(lambda one, other: lambda body: swapped(body, one, other), shares, shares),
)


@pytest.mark.req("CORE-27")
@settings(deadline=None, max_examples=150)
@given(damages)
def test_a_closed_store_is_whole_or_rebuilt(damage: Damage) -> None:
    original = closed()
    asyncio.run(look({"holdfast.db": damage(original.files["holdfast.db"])}, original.states))


@pytest.mark.req("CORE-27")
@settings(deadline=None, max_examples=150)
@given(damages, st.sampled_from(["holdfast.db", "holdfast.db-wal", "holdfast.db-wal", "holdfast.db-shm"]))
def test_a_killed_store_goes_back_to_a_commit_at_most(damage: Damage, name: str) -> None:
    """A damaged log ends, for SQLite, where the damage begins: what was before is a whole state."""
    original = killed()
    asyncio.run(look({**original.files, name: damage(original.files[name])}, original.states))


async def look(files: Mapping[str, bytes], states: Sequence[Saved]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, body in files.items():
            (Path(folder) / name).write_bytes(body)
        store = await open_store(Path(folder) / "holdfast.db", FixedClock())
        try:
            saved = await store.load()
            assert "rebuilt" in saved.notes or saved in states
            await use(store)
        finally:
            await store.close()


async def use(store: SqliteStore) -> None:
    """Everything else works too, or says what is wrong with it."""
    outcomes = await asyncio.gather(
        store.events(0, 1000),
        store.event_ids(),
        store.plans(WEB, 10),
        store.revisions("root", 10),
        store.revision_files("root", "r1"),
        store.operations(10),
        store.operation("op-1"),
        store.note("root"),
        store.samples(WEB, NOW, NOW + timedelta(days=1), 99),
        store.commit(kept(), event(), judged(), planned(), sampled(), Note("after", 1)),
        return_exceptions=True,
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [error for error in errors if not (isinstance(error, Problem) and error.remedy)] == []
