"""What the engine writes down: tombstones, plans before acts, outcomes, farewells.

Rules: a row counts from the moment it is handed to the store, which writes in that order, because a pass
and a submission may write the row of one ref at once. After a commit that failed nobody knows whether it
was written, so all that is known of its ref is written again. A pass that changes nothing writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.engine.decide import Decision, Gate
from reconciler.engine.entry import Entry
from reconciler.engine.judge import Outcome, judge
from reconciler.engine.told import described, told
from reconciler.engine.wishes import written
from reconciler.engine.world import Tracer
from reconciler.model import EMPTY, Event, JsonValue, Resource, Status
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Telling
from reconciler.ports.store import Drop, Judged, Kept, Planned, Remembered, Store, Write
from reconciler.records import dataclass

OF_NOTHING_OURS = frozenset({Gate.FOREIGN, Gate.UNREAD})
"""Nobody's word is in force by them: it is somebody else's, or another source may have the word first."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One ref, and the wish that this pass is about: it may move meanwhile."""

    entry: Entry
    want: Resource[Any]
    digest: str
    generation: int

    @classmethod
    def to(cls, entry: Entry, want: Resource[Any]) -> Visit:
        return cls(entry, want, entry.digest, entry.generation)


class Fate(NamedTuple):
    """What is decided about a row."""

    doomed: bool
    source: str | None = None  # whose word it is from now on; None: as before


class Ledger:
    def __init__(self, store: Store, clock: Clock, tracer: Tracer | None = None) -> None:
        self._store = store
        self._clock = clock
        self._tracer = tracer

    async def decide(self, fates: Sequence[tuple[Entry, Fate]], *others: Write) -> None:
        """Set tombstones and lift them, and take down whose word has ended: durable before it counts.

        A tombstone says what was wanted last, though no pass may have come to it.
        """
        for entry, fate in fates:
            if fate.doomed and entry.want is not None:
                entry.kept = _row(Visit.to(entry, entry.want)) or entry.kept
        before = [
            (entry, Fate(row.doomed, None if fate.source is None else row.source))
            for entry, fate in fates
            if (row := entry.kept) is not None
        ]
        rows = [row for entry, fate in fates if (row := _marked(entry, fate)) is not None]
        if not rows and not others:
            return
        try:
            await self._store.commit(*rows, *others)
        except Exception:
            for entry, fate in before:
                _marked(entry, fate)
                entry.doubts += 1
            raise

    async def plan(self, visit: Visit, decision: Decision) -> None:
        """Before the first step: the wish, the plan, and what the steps ask to be remembered."""
        entry, now = visit.entry, self._clock.now()
        memory = dict(entry.memory)
        for step in decision.plan.steps:
            memory.update(step.remember)
        memory = {key: value for key, value in memory.items() if value is not None}
        steps = [told(step) for step in decision.plan.steps]
        changes = [described(change) for change in decision.changes]
        writes: list[Write] = [
            Planned(entry.ref, now, visit.generation, changes, steps),
            self._owed(Event("reconcile.applied", now, entry.ref, {"steps": [one["step"] for one in steps]})),
        ]
        if entry.doubts or memory != entry.memory:
            writes.insert(0, Remembered(entry.ref, memory))
        await self._commit(entry, _row(visit), writes)
        entry.memory = memory

    async def conclude(self, visit: Visit, outcome: Outcome) -> None:
        """What came of it, if it is news."""
        entry, now = visit.entry, self._clock.now()
        row, status = concluded(visit, outcome, now)
        same, doubts = status == entry.status, entry.doubts
        if same and row is None and not doubts and not outcome.told:
            return
        writes: list[Write] = [self._owed(one) for one in _own(entry, outcome.told, now)]
        if not same:
            writes += [Judged(entry.ref, status), *map(self._owed, _news(entry, status, now))]
        if doubts:
            writes += [*([Judged(entry.ref, status)] if same else []), Remembered(entry.ref, entry.memory)]
        await self._commit(entry, row, writes)
        entry.status = status
        if entry.doubts == doubts:  # none was added while this was written
            entry.doubts = 0

    async def forget(self, entry: Entry, event: str, told: Sequence[Telling] = ()) -> None:
        """The end of all that is known of a ref; `told`: what has happened before it."""
        row, entry.kept = entry.kept, None
        if row is None and entry.status is None:
            return
        try:
            now = self._clock.now()
            farewell = Event(event, now, entry.ref, {} if row is None else _was(row))
            await self._store.commit(Drop(entry.ref), *map(self._owed, (*_own(entry, told, now), farewell)))
        except Exception:
            entry.kept = row
            entry.doubts += 1
            spare(entry)
            raise
        entry.memory, entry.status, entry.seen, entry.doubts = EMPTY, None, None, 0

    def _owed(self, event: Event) -> Event:
        """With whose request it comes of."""
        if self._tracer is None:
            return event
        request_id, trace_id = self._tracer.ids()
        return replace(event, request_id=request_id, trace_id=trace_id)

    async def _commit(self, entry: Entry, row: Kept | None, writes: Sequence[Write]) -> None:
        rows: list[Write] = []
        if row is not None:
            entry.kept = row
            rows.append(row)
        try:
            await self._store.commit(*rows, *writes)
        except Exception:
            entry.doubts += 1
            raise


def spare(entry: Entry) -> None:
    """Whoever has come to want it while it was forgotten in vain met no tombstone that could be lifted."""
    if entry.want is not None and entry.kept is not None and entry.kept.doomed:
        entry.kept = replace(entry.kept, doomed=False)


def concluded(visit: Visit, outcome: Outcome, now: datetime) -> tuple[Kept | None, Status]:
    """The inventory row that is to be written, if any, and the status. Pure."""
    entry = visit.entry
    decision = outcome.decision
    brought_about = outcome.error is None and decision.gate is Gate.OPEN
    row = _row(visit, ours=decision.gate not in OF_NOTHING_OURS, brought_about=brought_about)
    known = entry.kept if row is None else None
    revision = known.revision if known is not None else visit.want.origin.revision
    return row, judge(outcome, entry.status, visit.generation, revision, now)


def _marked(entry: Entry, fate: Fate) -> Kept | None:
    """Its row, as it is from now on."""
    row = entry.kept
    if row is not None:
        source = row.source if fate.source is None else fate.source
        entry.kept = replace(row, doomed=fate.doomed, source=source)
    return entry.kept


def _row(visit: Visit, *, ours: bool = True, brought_about: bool = False) -> Kept | None:
    """The inventory row, when the one that is stored does not say the same; what is foreign gets none.

    Only a decision writes a tombstone, or lifts it. Until a wish was brought about, what is there may be as
    it was wished before, and need what it needed then.
    """
    want, entry = visit.want, visit.entry
    known, origin = entry.kept, want.origin
    if want.spec is None or not ours or (known is not None and known.doomed):
        return known if entry.doubts else None
    needs = want.needs if known is None or brought_about else {**known.needs, **want.needs}
    if (
        known is not None
        and not entry.doubts
        and (known.digest, known.source, known.needs) == (visit.digest, origin.source, needs)
    ):
        return None
    return Kept(
        entry.ref,
        written(want.spec),
        visit.digest,
        visit.generation,
        origin.source,
        origin.revision,
        want.labels,
        want.annotations,
        needs,
        want.parent,
    )


def _was(row: Kept) -> dict[str, JsonValue]:
    """What nobody can look up any more, for those who may hear of such things alone."""
    told: dict[str, JsonValue] = {"labels": dict(row.labels)} if row.labels else {}
    return told | ({"parent": str(row.parent)} if row.parent is not None else {})


def _own(entry: Entry, told: Sequence[Telling], now: datetime) -> Iterator[Event]:
    return (Event(name, now, entry.ref, data) for name, data in told)


def _news(entry: Entry, status: Status, now: datetime) -> Iterator[Event]:
    before = entry.status
    if status.error and (before is None or before.error != status.error):
        yield Event("reconcile.failed", now, entry.ref, {"error": status.error})
    if status.ready and (before is None or not before.ready or before.generation != status.generation):
        yield Event("resource.ready", now, entry.ref)  # of a new wish nobody knew yet whether it is so
    elif not status.ready and (before is None or _trouble(before) != _trouble(status)):
        word, reason = _trouble(status)
        yield Event(f"resource.{word}", now, entry.ref, {"reason": reason})


def _trouble(status: Status) -> tuple[str, str]:
    """What keeps it from being ready, in two words: the message may change with every pass."""
    word = "ready" if status.ready else "stalled" if status.stalled else "unready"
    return word, status.conditions[0].reason
