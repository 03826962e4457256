"""Resources as JSON, encoded once for as long as what is shown of them stays as it is.

Rules: what a view is made of is replaced whenever it changes, never changed in place, so that the view holds
for as long as these are the same objects; only the age of the last pass moves by itself, and is filled in
whenever it is told. What is not ready is made anew each time: its chain of causes leads anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha1
from operator import is_
from typing import NamedTuple

from reconciler.engine.book import Book
from reconciler.engine.entry import Entry
from reconciler.model import Ref
from reconciler.runtime.parts import Parts
from reconciler.runtime.resource_views import of_resource

MOST = 1000  # that are kept; when there are more, all are made anew
BEFORE_STATUS = frozenset({"api_version", "kind", "metadata", "spec"})
AGE, OPEN = b'"last_pass_age_s":', b"null"


class Encoded(NamedTuple):
    """A `ResourceView` as JSON, and names of what it shows."""

    json: bytes
    wish_and_status: str  # moves with these, and with no passing figure
    whole: str  # moves with all but the age


class _Kept(NamedTuple):
    basis: tuple[object, ...]
    before: bytes  # up to the age
    after: bytes
    wish_and_status: str
    whole: str


class EncodedViews:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._kept: dict[Ref, _Kept] = {}

    def of(self, entry: Entry) -> Encoded:
        basis = self._basis(entry)
        known = self._kept.get(entry.ref)
        if known is None or len(known.basis) != len(basis) or not all(map(is_, known.basis, basis)):
            known = self._made(entry, basis)
            if entry.judged is not None and entry.judged.ready:
                self._keep(entry.ref, known)
        age = b"%.3f" % (self._node.clock.monotonic() - entry.passed) if entry.passed else OPEN
        return Encoded(b"".join((known.before, age, known.after)), known.wish_and_status, known.whole)

    def _basis(self, entry: Entry) -> tuple[object, ...]:
        engine = self._node.engine  # overrides are merged into its wishes
        own = (engine.wishes, entry.want, entry.kept, entry.memory, entry.status, entry.seen)
        looks = engine.book.looks(entry.ref)
        return (*own, *_looked_at(engine.book, looks)) if looks else own

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
        self._kept[ref] = made


def _looked_at(book: Book, refs: Iterable[Ref]) -> Iterator[object]:
    for ref in refs:
        other = book.get(ref)
        yield from (other.want, other.kept, other.status, other.seen) if other is not None else (None,) * 4


def _name(told: bytes) -> str:
    return sha1(told, usedforsecurity=False).hexdigest()[:32]
