"""Resources as JSON, encoded once for as long as what is shown of them stays as it is.

Rules: what a view is made of is replaced whenever it changes, never changed in place, so that the view holds
for as long as these are the same objects; only the age of the last pass moves by itself, and is filled in
whenever it is told. What is not ready is made anew each time: its chain of causes leads anywhere. Several
that are told together again and again, as on a page, are looked at together. A view is the same for whoever
may see it; who may see which is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from itertools import chain
from operator import attrgetter, is_
from typing import NamedTuple

from reconciler.engine.book import Book
from reconciler.engine.entry import Entry
from reconciler.model import Ref
from reconciler.runtime.parts import Parts
from reconciler.runtime.resource_views import of_resource

MOST = 1000  # that are kept; when there are more, all are made anew
MOST_ARRAYS = 64  # the same; they are made of what is kept anyway
SHOWN = attrgetter("want", "kept", "memory", "status", "seen")  # of an entry
BEFORE_STATUS = frozenset({"api_version", "kind", "metadata", "spec"})
AGE, OPEN = b'"last_pass_age_s":', b"null"


class Encoded(NamedTuple):
    """A `ResourceView` as JSON, and names of what it shows."""

    json: bytes
    wish_and_status: str  # moves with these, and with no passing figure
    whole: str  # moves with all but the age


class EncodedArray(NamedTuple):
    """Several of them as a JSON array, and a name of all that it shows but the ages."""

    json: bytes
    whole: str


class _Kept(NamedTuple):
    basis: tuple[object, ...]
    before: bytes  # up to the age
    after: bytes
    wish_and_status: str
    whole: str


class _KeptArray(NamedTuple):
    entries: Sequence[Entry]
    basis: Sequence[object]
    pieces: Sequence[bytes]  # from the third on each fourth is an age
    whole: str


class EncodedViews:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._kept: dict[Ref, _Kept] = {}
        self._arrays: dict[tuple[Ref, int], _KeptArray] = {}  # by their first and how many they are

    def of(self, entry: Entry) -> Encoded:
        known = self._known(entry)
        (age,) = _ages((entry,), self._node.clock.monotonic())
        return Encoded(b"".join((known.before, age, known.after)), known.wish_and_status, known.whole)

    def of_several(self, entries: Sequence[Entry]) -> EncodedArray:
        if not entries:
            return EncodedArray(b"[]", "")
        basis = [self._node.engine.wishes, *chain.from_iterable(map(SHOWN, entries))]
        known = self._arrays.get(_place(entries))
        if known is None or not (_same(known.entries, entries) and _same(known.basis, basis)):
            known = self._made_of_several(entries, basis)
        now, told = self._node.clock.monotonic(), [*known.pieces]
        told[2::4] = _ages(entries, now)
        return EncodedArray(b"".join(told), known.whole)

    def _known(self, entry: Entry) -> _Kept:
        basis = self._basis(entry)
        known = self._kept.get(entry.ref)
        if known is None or not _same(known.basis, basis):
            known = self._made(entry, basis)
            if entry.judged is not None and entry.judged.ready:
                self._keep(entry.ref, known)
        return known

    def _basis(self, entry: Entry) -> tuple[object, ...]:
        engine = self._node.engine  # overrides are merged into its wishes
        own = (engine.wishes, *SHOWN(entry))
        looks = self._looks(entry)
        return (*own, *_looked_at(engine.book, looks)) if looks else own

    def _looks(self, entry: Entry) -> Iterable[Ref]:
        return self._node.engine.book.looks(entry.ref)

    def _made_of_several(self, entries: Sequence[Entry], basis: Sequence[object]) -> _KeptArray:
        each = [self._known(entry) for entry in entries]
        pieces = [b"["]
        for one in each:
            pieces += one.before, OPEN, one.after, b","
        pieces[-1] = b"]"
        made = _KeptArray(entries, basis, pieces, _name("".join(one.whole for one in each).encode()))
        alone = not any(map(self._looks, entries))  # what others look like is not in the basis
        if alone and all(self._kept.get(entry.ref) is one for entry, one in zip(entries, each, strict=True)):
            self._keep_array(made)
        return made

    def _made(self, entry: Entry, basis: tuple[object, ...]) -> _Kept:
        from msgspec.json import encode  # commands without a node make no use of it

        node = self._node
        view = of_resource(entry, node.engine.book, node.kinds, node.engine.overrides, entry.passed)
        view["status"]["last_pass_age_s"] = None
        whole = encode(view)
        head = encode({name: value for name, value in view.items() if name in BEFORE_STATUS})
        place = whole.index(AGE, len(head)) + len(AGE)  # whoever declares something may call it so, too
        named = encode([view["metadata"], view["spec"], view["status"], view["overrides"]])
        return _Kept(basis, whole[:place], whole[place + len(OPEN) :], _name(named), _name(whole))

    def _keep(self, ref: Ref, made: _Kept) -> None:
        if len(self._kept) >= MOST:
            self._kept.clear()
            self._arrays.clear()
        self._kept[ref] = made

    def _keep_array(self, made: _KeptArray) -> None:
        if len(self._arrays) >= MOST_ARRAYS:
            self._arrays.clear()
        self._arrays[_place(made.entries)] = made


def _place(entries: Sequence[Entry]) -> tuple[Ref, int]:
    return entries[0].ref, len(entries)


def _same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Not only alike: what is compared may be large."""
    return len(some) == len(others) and all(map(is_, some, others))


def _ages(entries: Iterable[Entry], now: float) -> list[bytes]:
    return [b"%.3f" % (now - entry.passed) if entry.passed else OPEN for entry in entries]


def _looked_at(book: Book, refs: Iterable[Ref]) -> Iterator[object]:
    for ref in refs:
        other = book.get(ref)
        yield from (other.want, other.kept, other.status, other.seen) if other is not None else (None,) * 4


def _name(told: bytes) -> str:
    return sha1(told, usedforsecurity=False).hexdigest()[:32]
