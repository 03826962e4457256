"""Whatever is written to both stores, in whatever order, both hold and give back the same."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import Event, Override, Ref
from reconciler.ports.store import (
    Drop,
    EndOverride,
    EventFilter,
    Judged,
    Kept,
    Note,
    Operation,
    Planned,
    Remembered,
    Revision,
    Sampled,
    Write,
)
from reconciler.ports.usage import Usage
from reconciler.settings import Retention
from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore
from tests.store.folders import TRACE
from tests.store.records import NOW, FixedClock, judged

few = st.sampled_from(["a", "b", "ü", "'; DROP TABLE events; --"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
refs = st.builds(Ref, st.sampled_from(["Service", "Key"]), st.just("default"), few)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
facts = st.dictionaries(texts, values, max_size=3)
times = st.integers(-90, 0).map(lambda days: NOW + timedelta(days=days, microseconds=1))
moments = st.integers(0, 9000).map(lambda seconds: NOW - timedelta(seconds=seconds))
amounts = st.integers(0, 2**50)
usages = st.builds(
    Usage, times, st.integers(0, 9), st.floats(0, 1e6).map(lambda s: round(s, 6)), amounts, amounts
)
files = st.none() | st.dictionaries(few, st.binary(max_size=20), max_size=3)

writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(Kept, refs, facts, texts, st.integers(0, 9), few, few, doomed=st.booleans()),
    st.builds(Drop, refs),
    st.builds(Remembered, refs, facts),
    st.builds(lambda ref, reason: Judged(ref, judged(ref, reason).status), refs, texts),
    st.builds(
        Planned, refs, times, st.integers(0, 9), st.lists(facts, max_size=2), st.lists(facts, max_size=2)
    ),
    st.builds(Revision, few, few, times, st.sampled_from(["applied", "held"]), texts, files),
    st.builds(Operation, few, texts, texts, times, st.sampled_from(["running", "done"]), facts),
    st.builds(Override, few, refs, facts, texts, texts, times, st.none() | times),
    st.builds(EndOverride, few),
    st.builds(Note, few, values),
    st.builds(
        lambda ref, at, used, more: Sampled(ref, at, used, used.memory_bytes + more),
        refs,
        moments | times,
        usages,
        amounts,
    ),
    st.builds(Event, few, times, st.none() | refs, facts, texts),
)
filters = st.builds(
    EventFilter,
    st.lists(few | st.sampled_from(["a*", "*"]), max_size=2).map(tuple),
    st.none() | refs,
    st.sampled_from(["", "Key"]),
    st.none() | times,
)
retentions = st.builds(
    Retention,
    st.integers(1, 60).map(float),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(1, 2),
    metric_days=st.integers(1, 60).map(float),
    metric_rows=st.integers(0, 5),
)


@pytest.mark.req("CORE-27", "CORE-33")
@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(writes, max_size=6), max_size=8), filters, retentions)
def test_both_stores_hold_the_same(commits: list[list[Write]], only: EventFilter, keep: Retention) -> None:
    asyncio.run(compare(commits, only, keep))


async def compare(commits: list[list[Write]], only: EventFilter, keep: Retention) -> None:
    with tempfile.TemporaryDirectory() as folder:
        memory, disk = MemoryStore(), await open_store(Path(folder) / "holdfast.db", FixedClock())
        try:
            for commit in commits:
                await memory.commit(*commit)
            await asyncio.gather(*(disk.commit(*commit) for commit in commits))
            await agree(memory, disk, only)
            assert await memory.prune(NOW, keep) == await disk.prune(NOW, keep)
            await agree(memory, disk, only)
        finally:
            await disk.close()
        before = await memory.dump()
        again = await open_store(Path(folder) / "holdfast.db", FixedClock())
        assert await again.dump() == before
        await again.close()
        assert {file.name for file in Path(folder).iterdir()} == {"holdfast.db", TRACE}


async def agree(memory: MemoryStore, disk: SqliteStore, only: EventFilter) -> None:
    assert await disk.dump() == await memory.dump()
    assert await disk.load() == await memory.load()
    assert await disk.event_ids() == await memory.event_ids()
    assert await disk.events(1, 9, only) == await memory.events(1, 9, only)
    for ref in (Ref("Service", "default", "a"), Ref("Key", "default", "ü")):
        early = NOW - timedelta(days=30)
        assert await disk.samples(ref, early, NOW, 9) == await memory.samples(ref, early, NOW, 9)
    for source in ("a", "b"):
        assert await disk.revisions(source, 9) == await memory.revisions(source, 9)
