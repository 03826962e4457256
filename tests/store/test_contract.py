"""What every store keeps to, with a disk or without: the contract of the `Store` port."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.errors import Invalid, NotFound, Unavailable
from reconciler.model import Event, Override, Ref
from reconciler.ports.store import (
    Drop,
    EndOverride,
    Judged,
    Kept,
    Note,
    Planned,
    Remembered,
    Revision,
    Sampled,
    Saved,
    Write,
)
from tests.store.records import (
    DB,
    NOW,
    WEB,
    AnyStore,
    event,
    judged,
    kept,
    one_of_each,
    operation,
    planned,
    sampled,
)

EARLY, LATE = NOW - timedelta(days=999), NOW + timedelta(days=999)
NOTHING = Saved({}, {}, {}, [], {})


async def test_a_new_store_holds_nothing(store: AnyStore) -> None:
    assert await store.load() == NOTHING
    assert await store.events(0, 10) == []
    assert await store.event_ids() == (0, 0)
    assert await store.plans(WEB, 10) == []
    assert await store.revisions("root", 10) == []
    assert await store.operations(10) == []
    assert await store.operation("op-1") is None
    assert await store.note("root") is None
    assert await store.samples(WEB, EARLY, LATE, 10) == []


async def test_what_was_committed_is_loaded_as_it_was(store: AnyStore) -> None:
    writes = one_of_each()
    await store.commit(*writes)
    assert await store.load() == Saved(
        {one.ref: one for one in writes if isinstance(one, Kept)},
        {one.ref: one.memory for one in writes if isinstance(one, Remembered)},
        {one.ref: one.status for one in writes if isinstance(one, Judged)},
        [one for one in writes if isinstance(one, Override)],
        {one.key: one.value for one in writes if isinstance(one, Note)},
    )


async def test_history_is_given_back_as_it_was(store: AnyStore) -> None:
    await store.commit(*one_of_each())
    events = [one for one in one_of_each() if isinstance(one, Event)]
    assert await store.events(0, 10) == [replace(one, id=n) for n, one in enumerate(events, 1)]
    assert await store.plans(WEB, 10) == [one for one in one_of_each() if isinstance(one, Planned)]
    assert await store.operations(10) == [operation("op-1")]
    assert await store.operation("op-1") == operation("op-1")
    notes = [one for one in one_of_each() if isinstance(one, Note)]
    assert [await store.note(one.key) for one in notes] == [one.value for one in notes]
    samples = [one for one in one_of_each() if isinstance(one, Sampled)]
    assert [*await store.samples(WEB, NOW, NOW, 10), *await store.samples(DB, NOW, NOW, 10)] == samples
    revisions = [replace(one, files=None) for one in one_of_each() if isinstance(one, Revision)]
    assert await store.revisions("root", 10) == revisions[::-1]


async def test_types_survive(store: AnyStore) -> None:
    await store.commit(Note("values", [1, 1.0, True, None, "1", float("inf"), -(2**80)]))
    values = (await store.load()).notes["values"]
    assert [type(value) for value in values] == [int, float, bool, type(None), str, float, int]


async def test_a_record_takes_the_place_of_the_one_before(store: AnyStore) -> None:
    await store.commit(kept(command="old"), judged(reason="Old"), Remembered(WEB, {"a": 1}), Note("n", 1))
    await store.commit(kept(command="new"), judged(reason="New"), Remembered(WEB, {"b": 2}), Note("n", 2))
    saved = await store.load()
    assert saved.inventory == {WEB: kept(command="new")}
    assert saved.statuses == {WEB: judged(reason="New").status}
    assert saved.memory == {WEB: {"b": 2}}
    assert saved.notes == {"n": 2}


async def test_a_drop_takes_the_ref_and_leaves_its_history(store: AnyStore) -> None:
    for ref in (WEB, DB):
        await store.commit(kept(ref), Remembered(ref, {}), judged(ref), planned(ref), event(ref=ref))
    await store.commit(Drop(WEB))
    saved = await store.load()
    assert set(saved.inventory) == set(saved.memory) == set(saved.statuses) == {DB}
    assert await store.plans(WEB, 10) == [planned(WEB)]
    assert len(await store.events(0, 10)) == 2


@pytest.mark.parametrize(
    ("writes", "left"),
    [
        pytest.param([Drop(WEB), kept()], {WEB}, id="dropped and wanted again"),
        pytest.param([kept(), Drop(WEB)], set(), id="kept and dropped"),
        pytest.param([Drop(WEB), kept(), Drop(WEB)], set(), id="dropped twice"),
        pytest.param([kept(), Drop(WEB), kept(DB), kept()], {WEB, DB}, id="back and forth"),
    ],
)
async def test_the_order_within_a_commit_counts(store: AnyStore, writes: list[Write], left: set[Ref]) -> None:
    await store.commit(kept(), judged(), Remembered(WEB, {"before": True}))
    await store.commit(*writes)
    saved = await store.load()
    assert set(saved.inventory) == left
    assert (saved.statuses, saved.memory) == ({}, {})


async def test_an_override_ends(store: AnyStore) -> None:
    stop = Override("ov", WEB, {"state": "stopped"}, "alice", "why", NOW)
    await store.commit(stop, EndOverride("ov"))
    assert (await store.load()).overrides == []
    await store.commit(EndOverride("ov"), stop)
    assert (await store.load()).overrides == [stop]
    await store.commit(EndOverride("ov"))
    assert (await store.load()).overrides == []


async def test_a_note_is_forgotten_by_none(store: AnyStore) -> None:
    await store.commit(Note("rebuilt", {"at": "now"}), Note("other", 0))
    await store.commit(Note("rebuilt", None))
    assert (await store.load()).notes == {"other": 0}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Note("n", object()), id="no JSON"),
        pytest.param(Note("n", {"a": ["\ud800"]}), id="half a character in a value"),
        pytest.param(Note("\ud800", 1), id="half a character in a key"),
        pytest.param(Event("e", datetime(2026, 1, 1)), id="a time without a zone"),  # noqa: DTZ001 - it is the point
    ],
)
async def test_what_cannot_be_stored_is_refused_with_all_its_commit(store: AnyStore, bad: Write) -> None:
    with pytest.raises(Invalid):
        await store.commit(kept(), event(), bad, judged())
    assert await store.load() == NOTHING
    assert await store.events(0, 10) == []
    await store.commit(event())
    assert await store.event_ids() == (1, 1)


async def test_nobody_changes_what_is_stored_behind_its_back(store: AnyStore) -> None:
    facts = {"ports": [1]}
    await store.commit(Remembered(WEB, facts))
    facts["ports"].append(2)
    loaded = (await store.load()).memory[WEB]
    loaded["ports"].append(3)
    assert (await store.load()).memory == {WEB: {"ports": [1]}}


async def test_times_are_one_instant_in_any_zone(store: AnyStore) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    await store.commit(Event("e", elsewhere))
    (found,) = await store.events(0, 1)
    assert found.at == NOW
    assert found.at.tzinfo is UTC


async def test_an_empty_commit_is_none(store: AnyStore) -> None:
    await store.commit()
    assert await store.load() == NOTHING


async def test_many_commit_at_once_and_each_is_there(store: AnyStore) -> None:
    refs = [Ref("Service", "default", f"n{n}") for n in range(300)]
    await asyncio.gather(*(store.commit(kept(ref), event(ref=ref), event("second", ref)) for ref in refs))
    assert set((await store.load()).inventory) == set(refs)
    events = await store.events(0, 1000)
    assert [one.id for one in events] == list(range(1, 601))
    assert [one.subject for one in events[::2]] == refs
    assert {one.name for one in events[1::2]} == {"second"}


async def test_plans_come_newest_first(store: AnyStore) -> None:
    for generation in range(1, 6):
        await store.commit(planned(WEB, generation), planned(DB, generation * 10))
    assert [plan.generation for plan in await store.plans(WEB, 3)] == [5, 4, 3]
    assert [plan.generation for plan in await store.plans(DB, 99)] == [50, 40, 30, 20, 10]


async def test_a_revision_that_was_returned_to_is_the_newest(store: AnyStore) -> None:
    for revision in ("r1", "r2", "r3"):
        await store.commit(
            Revision("root", revision, NOW, "applied"), Revision("other", revision, NOW, "held")
        )
    await store.commit(
        Revision("root", "r3", NOW, "rolled-back", "bad"), Revision("root", "r2", NOW, "applied", "again")
    )
    found = await store.revisions("root", 2)
    assert [(one.revision, one.outcome, one.message) for one in found] == [
        ("r2", "applied", "again"),
        ("r3", "rolled-back", "bad"),
    ]
    assert [one.revision for one in await store.revisions("other", 9)] == ["r3", "r2", "r1"]


async def test_contents_are_kept_with_their_revision(store: AnyStore) -> None:
    big, files = b"x" * 3_000_000, {"a.yaml": b"", "b/c.bin": bytes(range(256))}
    await store.commit(Revision("root", "r1", NOW, "applied", files=files))
    await store.commit(Revision("root", "r2", NOW, "applied", files={**files, "big": big}))
    await store.commit(Revision("root", "r1", NOW, "rolled-back"))
    assert await store.revision_files("root", "r1") == files
    assert await store.revision_files("root", "r2") == {**files, "big": big}


async def test_a_revision_without_files_is_told_from_one_whose_contents_are_not_kept(store: AnyStore) -> None:
    await store.commit(
        Revision("root", "empty", NOW, "applied", files={}), Revision("root", "git", NOW, "applied")
    )
    assert await store.revision_files("root", "empty") == {}
    for source, revision in (("root", "git"), ("root", "never"), ("nobody", "empty")):
        with pytest.raises(NotFound) as caught:
            await store.revision_files(source, revision)
        assert revision in str(caught.value)
        assert caught.value.remedy


async def test_an_operation_keeps_its_place_as_it_goes_on(store: AnyStore) -> None:
    await store.commit(operation("op-1"))
    await store.commit(operation("op-2"))
    await store.commit(operation("op-1", "done"))
    assert await store.operations(10) == [operation("op-2"), operation("op-1", "done")]
    assert await store.operations(1) == [operation("op-2")]
    assert await store.operation("op-1") == operation("op-1", "done")


@pytest.mark.req("CORE-29")
async def test_samples_come_in_the_order_of_time(store: AnyStore) -> None:
    moments = [NOW + timedelta(seconds=15 * n) for n in range(40)]
    for at in reversed(moments):
        await store.commit(sampled(WEB, at), sampled(DB, at))
    asked = await store.samples(WEB, moments[10], moments[20], 99)
    assert asked == [sampled(WEB, at) for at in moments[10:21]]
    assert await store.samples(WEB, moments[10], moments[20], 3) == asked[:3]
    later = moments[20] + timedelta(microseconds=1)
    assert [one.at for one in await store.samples(DB, later, LATE, 99)] == moments[21:]
    assert await store.samples(Ref("Service", "default", "other"), EARLY, LATE, 99) == []
    assert await store.samples(WEB, LATE, EARLY, 99) == []


async def test_samples_of_what_is_dropped_stay_as_history(store: AnyStore) -> None:
    await store.commit(kept(), sampled(), Drop(WEB))
    assert await store.samples(WEB, NOW, NOW, 9) == [sampled()]


async def test_a_closed_store_says_so(store: AnyStore) -> None:
    await store.close()
    with pytest.raises(Unavailable):
        await store.commit(kept())
