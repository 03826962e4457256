"""All that the engine knows at this moment, one entry a ref, and who looks at whom.

Rules: the book is in memory and is rebuilt from the store and the sources at a start; a ref that is
wished gone stays in it until reality was seen without it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from reconciler.engine.entry import Entry
from reconciler.engine.graph import cycles
from reconciler.engine.relations import Relations
from reconciler.engine.wishes import NOBODY, Wishes
from reconciler.errors import Unavailable
from reconciler.model import (
    EMPTY,
    Look,
    Need,
    Origin,
    Ref,
    Resource,
    Snapshot,
)
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Kept, Saved

NOT_READ = Unavailable("not read yet")  # so nothing is concluded from what is not in it
_VALUES = attrgetter(*(one.name for one in fields(Entry)))


class Book:
    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._entries: dict[Ref, Entry] = {}
        self._relations = Relations()
        self._knots: dict[Ref, tuple[Ref, ...]] = {}
        self._in_order: dict[str, Sequence[Entry]] = {}  # by kind, until one comes or goes

    def load(self, saved: Saved) -> None:
        """What was known when the last process ended."""
        for ref in {**saved.inventory, **saved.statuses}:
            if ref.kind in self._kinds:
                kept, status = saved.inventory.get(ref), saved.statuses.get(ref)
                self._entries[ref] = Entry(
                    ref,
                    kept=kept,
                    memory=saved.memory.get(ref, EMPTY),
                    status=status,
                    changes=status.generation - 1 if kept is None and status is not None else 0,
                )
                self._index(ref)
        self._in_order.clear()
        self._tie_knots()

    def records(self, ref: Ref) -> bool:
        """Whether it has a row, or is just about to get one."""
        entry = self._entries.get(ref)
        return entry is not None and (entry.kept is not None or entry.under_way != NOBODY)

    def recall(self, rows: Iterable[Kept]) -> None:
        """What was found to be ours, though nothing was known of it."""
        for row in rows:
            entry = self._entries.setdefault(row.ref, Entry(row.ref))
            entry.kept = entry.kept or row  # a pass may have written one meanwhile
        self._in_order.clear()

    def __getitem__(self, ref: Ref) -> Entry:
        return self._entries[ref]

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, ref: Ref) -> Entry | None:
        return self._entries.get(ref)

    def in_order(self, kind: str = "") -> Sequence[Entry]:
        """All entries, or those of one kind, by their refs; sorted once for who asks again and again."""
        found = self._in_order.get(kind)
        if found is None:
            of_kind = (entry for entry in self if not kind or entry.ref.kind == kind)
            found = self._in_order[kind] = sorted(of_kind, key=attrgetter("ref"))
        return found

    @property
    def inventory(self) -> dict[Ref, Kept]:
        return {ref: entry.kept for ref, entry in self._entries.items() if entry.kept is not None}

    def source(self, ref: Ref) -> str:
        """Which source it was taken from; empty when nobody declares it, or has taken it back."""
        entry = self._entries.get(ref)
        if entry is None:
            return ""
        if entry.want is not None:
            return entry.want.origin.source
        kept = entry.kept
        return kept.source if kept is not None and not kept.doomed else ""

    def in_force(self, ref: Ref) -> str:
        """The same, of what there is something of by its word: before that, none has come first."""
        entry = self._entries.get(ref)
        return self.source(ref) if entry is not None and entry.in_force else ""

    def line(self, ref: Ref) -> dict[Ref, Kept]:
        """The row of a ref, and those of the wholes that it is a part of."""
        rows: dict[Ref, Kept] = {}
        at: Ref | None = ref
        while at is not None and at not in rows and (entry := self._entries.get(at)) and entry.kept:
            rows[at] = entry.kept
            at = entry.kept.parent
        return rows

    def wish(self, wishes: Wishes) -> tuple[Ref, ...]:
        """Take the whole new set of wants; answer the refs whose wish has moved, the vanished included."""
        moved: list[Ref] = []
        for ref, want in wishes.wants.items():
            entry = self._entries.get(ref)
            if entry is None:
                entry = self._entries[ref] = Entry(ref)
                self._in_order.clear()
            fault = wishes.faults.get(ref)
            if entry.want is want and entry.fault is fault:
                continue
            if entry.want is None or not _same(entry.want, want) or entry.fault is not fault:
                moved.append(ref)
                entry.wish(want)
                entry.fault = fault
                self._index(ref)
            else:
                entry.want = want
        for entry in [e for e in self._entries.values() if e.want is not None and e.ref not in wishes.wants]:
            entry.wish(None)
            entry.fault = None
            moved.append(entry.ref)
            self._index(entry.ref)
        if moved:
            self._tie_knots()
        return tuple(moved)

    def as_if(self, wishes: Wishes) -> Book:
        """The book as it would be with other wants; this one stays as it is."""
        other = Book(self._kinds)
        other._entries = {ref: Entry(*_VALUES(entry)) for ref, entry in self._entries.items()}
        other._relations = self._relations.copied()
        other._knots = self._knots
        other.wish(wishes)
        return other

    def take_over(self, found: Mapping[Ref, Entry]) -> frozenset[Ref]:
        """What was found out in a book made by `as_if`; answers for which refs that counts here as well."""
        known = [ref for ref, other in found.items() if self._entries[ref].is_like(other)]
        for ref in known:
            self._entries[ref].learn(found[ref])
        return frozenset(known)

    def parts(self, ref: Ref) -> tuple[Ref, ...]:
        return self._relations.parts(ref)

    def drop(self, ref: Ref) -> None:
        del self._entries[ref]
        self._in_order.clear()
        self._relations.drop(ref)
        if ref in self._knots:  # the others may have an order without it
            self._tie_knots()

    def resource(self, ref: Ref) -> Resource[Any]:
        """The wish for a ref: what is wanted, or the tombstone made from what was."""
        entry = self._entries[ref]
        return entry.want if entry.want is not None else self._tombstone(entry)

    def standing(self, ref: Ref) -> Resource[Any] | None:
        """What is wanted; or, of a source that nobody has read yet, what was taken from it last."""
        entry = self._entries.get(ref)
        if entry is None or entry.want is not None:
            return entry.want if entry is not None else None
        was = self._tombstone(entry)
        return replace(was, spec=was.last, last=None) if self.source(ref) and was.last is not None else None

    def recalled(self, read: Container[str]) -> dict[str, Snapshot]:
        """What was taken last from the sources that are not among these."""
        resources: dict[str, dict[Ref, Resource[Any]]] = {}
        for entry in self:
            source, kept = self.source(entry.ref), entry.kept
            if entry.want is not None or kept is None or kept.parent is not None or source in read:
                continue
            if (last := self.standing(entry.ref)) is not None:
                resources.setdefault(source, {})[entry.ref] = last
        return {name: Snapshot(name, "", found, (NOT_READ,)) for name, found in resources.items()}

    def _tombstone(self, entry: Entry) -> Resource[Any]:
        kept = entry.kept
        if kept is None:
            return Resource(entry.ref, spec=None, origin=Origin(""))
        try:
            last = self._kinds[entry.ref.kind].spec.model_validate(dict(kept.spec))
        except ValidationError:  # written by another version; removal goes by what is really there
            last = None
        return Resource(
            entry.ref,
            spec=None,
            last=last,
            origin=Origin(kept.source, kept.revision),
            labels=kept.labels,
            annotations=kept.annotations,
            needs=kept.needs,
            parent=kept.parent,
        )

    def look(self, want: Resource[Any]) -> Mapping[Ref, Look]:
        looks = self._relations.looks(want.ref)
        if not looks:
            return EMPTY
        found: dict[Ref, Look] = {}
        for ref in looks:
            entry = self._entries.get(ref)
            if entry is None:
                found[ref] = Look(None, None, None)
            else:
                found[ref] = Look(self.resource(ref), entry.seen, entry.judged)
        return found

    def looks(self, ref: Ref) -> frozenset[Ref]:
        """Those that its own pure functions are shown."""
        return self._relations.looks(ref)

    def readers(self, ref: Ref) -> tuple[Ref, ...]:
        """Those whose pure functions may come to another end when this ref changes."""
        return self._relations.readers(ref)

    def dependents(self, ref: Ref) -> tuple[Ref, ...]:
        """What must be gone before this ref may go: what needs it, and its parts.

        What it needs in turn, through whatever, is no reason to wait: of a knot somebody must go first.
        """
        return self._besides_knot(ref, (one for one in self.readers(ref) if ref in self._needs(one)))

    def holders(self, ref: Ref) -> tuple[Ref, ...]:
        """The same, and what may still be as it was wished when it needed this ref."""
        return self._besides_knot(ref, (one for one in self.readers(ref) if ref in self._holds(one)))

    def _besides_knot(self, ref: Ref, needing: Iterable[Ref]) -> tuple[Ref, ...]:
        return tuple(sorted({*needing, *self._relations.parts(ref)}.difference(self.knot(ref))))

    def knot(self, ref: Ref) -> tuple[Ref, ...]:
        return self._knots.get(ref, ())

    def needs(self) -> dict[Ref, Mapping[Ref, Need]]:
        return {ref: self._needs(ref) for ref in self._entries}

    def _needs(self, ref: Ref) -> Mapping[Ref, Need]:
        entry = self._entries[ref]
        if entry.want is not None:
            return entry.want.needs
        return entry.kept.needs if entry.kept is not None else EMPTY

    def _holds(self, ref: Ref) -> Mapping[Ref, Need]:
        """What it needs as it is wished, and what it needed, until that was brought about."""
        kept = self._entries[ref].kept
        return {**kept.needs, **self._needs(ref)} if kept is not None and kept.needs else self._needs(ref)

    def _index(self, ref: Ref) -> None:
        """Keep who-looks-at-whom and who-is-part-of-whom current for one ref."""
        entry = self._entries[ref]
        looks = frozenset(self._holds(ref))
        if entry.want is None:  # a pass over what it was wanted as may be under way, and write its row
            looks |= self._relations.looks(ref)
        else:
            try:
                looks |= self._kinds[ref.kind].looks_at(entry.want)
            except Exception as error:  # noqa: BLE001 - a kind's crash is its ref's trouble, and nobody else's
                entry.fault = error
        whole = entry.want if entry.want is not None else entry.kept
        self._relations.put(ref, looks, whole.parent if whole is not None else None)

    def _tie_knots(self) -> None:
        with_needs = {ref: tuple(needs) for ref in self._relations.looking() if (needs := self._needs(ref))}
        self._knots = {ref: knot for knot in cycles(with_needs) for ref in knot} if with_needs else {}


def _same(one: Resource[Any], other: Resource[Any]) -> bool:
    return (
        one.spec == other.spec
        and one.labels == other.labels
        and one.annotations == other.annotations
        and one.needs == other.needs
        and one.parent == other.parent
        and one.origin.source == other.origin.source
    )
