"""All that the engine knows at this moment, one entry a ref, and who looks at whom.

Rules: the book is in memory and is rebuilt from the store and the sources at a start; a ref that is
wished gone stays in it until reality was seen without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from json import dumps
from typing import Any

from pydantic import ValidationError

from reconciler.engine.graph import cycles
from reconciler.engine.wishes import written
from reconciler.model import (
    EMPTY,
    JsonValue,
    Look,
    Need,
    Origin,
    Ref,
    Resource,
    Seen,
    Status,
)
from reconciler.ports import Kept, Kinds, Saved


@dataclass(slots=True)
class Entry:
    ref: Ref
    want: Resource[Any] | None = None  # None: wished gone
    kept: Kept | None = None
    memory: Mapping[str, JsonValue] = field(default=EMPTY)
    status: Status | None = None
    seen: Seen[Any] | None = None
    passed: float = 0.0  # when the last pass ended, on the monotonic clock
    digest: str = ""  # of the want; empty until it is asked for

    @property
    def generation(self) -> int:
        """Grows with every change of the wish."""
        if self.kept is None:
            return 1
        moved = self.want is not None and self.kept.digest != self.digest
        return self.kept.generation + moved


class Book:
    def __init__(self, kinds: Kinds, saved: Saved) -> None:
        self._kinds = kinds
        self._entries: dict[Ref, Entry] = {}
        self._readers: dict[Ref, set[Ref]] = {}
        self._looks: dict[Ref, frozenset[Ref]] = {}
        self._parts: dict[Ref, set[Ref]] = {}
        self._knots: dict[Ref, tuple[Ref, ...]] = {}
        for ref, kept in saved.inventory.items():
            if ref.kind in kinds:
                self._entries[ref] = Entry(
                    ref,
                    kept=kept,
                    memory=saved.memory.get(ref, EMPTY),
                    status=saved.statuses.get(ref),
                )
                self._index(ref)

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

    @property
    def inventory(self) -> dict[Ref, Kept]:
        return {ref: entry.kept for ref, entry in self._entries.items() if entry.kept is not None}

    def wish(self, wants: Mapping[Ref, Resource[Any]]) -> frozenset[Ref]:
        """Take the whole new set of wants; answer the refs whose wish has moved, the vanished included."""
        moved: set[Ref] = set()
        for ref, want in wants.items():
            entry = self._entries.get(ref)
            if entry is None:
                entry = self._entries[ref] = Entry(ref)
            elif entry.want is want:
                continue
            if entry.want is None or not _same(entry.want, want):
                moved.add(ref)
                entry.digest = ""
            entry.want = want
            self._index(ref)
        for ref in [r for r, e in self._entries.items() if e.want is not None and r not in wants]:
            self._entries[ref].want = None
            moved.add(ref)
            self._index(ref)
        if moved:
            self._tie_knots()
        return frozenset(moved)

    def as_if(self, wants: Mapping[Ref, Resource[Any]]) -> Book:
        """The book as it would be with other wants; this one stays as it is."""
        other = Book(self._kinds, Saved())
        for ref, entry in self._entries.items():
            other._entries[ref] = replace(entry)
            other._index(ref)
        other.wish(wants)
        return other

    def parts(self, ref: Ref) -> tuple[Ref, ...]:
        return tuple(sorted(self._parts.get(ref, ())))

    def drop(self, ref: Ref) -> None:
        self._entries.pop(ref, None)
        for other in self._looks.pop(ref, ()):
            self._readers.get(other, set()).discard(ref)
        for parts in self._parts.values():
            parts.discard(ref)

    def resource(self, ref: Ref) -> Resource[Any]:
        """The wish for a ref: what is wanted, or the tombstone made from what was."""
        entry = self._entries[ref]
        if entry.want is not None:
            if not entry.digest:
                entry.digest = digest(entry.want)
            return entry.want
        return self._tombstone(entry)

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
        looks = self._looks.get(want.ref)
        if not looks:
            return EMPTY
        found: dict[Ref, Look] = {}
        for ref in looks:
            entry = self._entries.get(ref)
            if entry is None:
                found[ref] = Look(None, None, None)
            else:
                found[ref] = Look(self.resource(ref), entry.seen, entry.status)
        return found

    def readers(self, ref: Ref) -> Iterable[Ref]:
        """Those whose pure functions may come to another end when this ref changes."""
        return tuple(self._readers.get(ref, ()))

    def dependents(self, ref: Ref) -> tuple[Ref, ...]:
        """What must be gone before this ref may go: what needs it, and its parts."""
        needing = (r for r in self._readers.get(ref, ()) if ref in self._needs(r))
        return tuple(sorted({*needing, *self._parts.get(ref, ())}))

    def knot(self, ref: Ref) -> tuple[Ref, ...]:
        return self._knots.get(ref, ())

    def needs(self) -> dict[Ref, Mapping[Ref, Need]]:
        return {ref: self._needs(ref) for ref in self._entries}

    def _needs(self, ref: Ref) -> Mapping[Ref, Need]:
        entry = self._entries.get(ref)
        if entry is None:
            return EMPTY
        if entry.want is not None:
            return entry.want.needs
        return entry.kept.needs if entry.kept is not None else EMPTY

    def _index(self, ref: Ref) -> None:
        """Keep who-looks-at-whom and who-is-part-of-whom current for one ref."""
        entry = self._entries[ref]
        needs = self._needs(ref)
        looks = frozenset(needs)
        if entry.want is not None:
            looks |= self._kinds[ref.kind].looks_at(entry.want)
        before = self._looks.get(ref, frozenset())
        for other in before - looks:
            self._readers[other].discard(ref)
        for other in looks - before:
            self._readers.setdefault(other, set()).add(ref)
        if looks:
            self._looks[ref] = looks
        else:
            self._looks.pop(ref, None)
        parent = entry.want.parent if entry.want is not None else entry.kept.parent if entry.kept else None
        if parent is not None:
            self._parts.setdefault(parent, set()).add(ref)

    def _tie_knots(self) -> None:
        with_needs = {ref: tuple(needs) for ref in self._entries if (needs := self._needs(ref))}
        self._knots = {ref: knot for knot in cycles(with_needs) for ref in knot} if with_needs else {}


def digest(want: Resource[Any]) -> str:
    """Tells one wish from another: by what is written in it, not by where."""
    text = dumps(
        [written(want.wish), dict(want.labels), dict(want.annotations)], sort_keys=True, separators=(",", ":")
    )
    return sha256(text.encode()).hexdigest()[:32]


def _same(one: Resource[Any], other: Resource[Any]) -> bool:
    return (
        one.spec == other.spec
        and one.labels == other.labels
        and one.annotations == other.annotations
        and one.needs == other.needs
        and one.parent == other.parent
    )
