"""The custom resources as they were last seen, and whether that can be relied on.

Rules: it is whole only once every part of it was listed; a part that cannot be read just now keeps what it
had, and says why. Who subscribes is told too often rather than too seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from reconciler.errors import Unavailable
from reconciler.model import Ref
from reconciler.sources.cluster.objects import CustomResource


class Mirror:
    def __init__(self, parts: Iterable[str]) -> None:
        self._objects: dict[Ref, CustomResource] = {}
        self._members: dict[str, set[Ref]] = {part: set() for part in parts}
        self._unlisted = set(self._members)
        self._troubles: dict[str, str] = {}
        self._subscribers: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[CustomResource]:
        return iter(tuple(self._objects.values()))

    def get(self, ref: Ref) -> CustomResource | None:
        return self._objects.get(ref)

    def subscribe(self, changed: Callable[[], None]) -> None:
        self._subscribers.append(changed)

    @property
    def whole(self) -> bool:
        return not self._unlisted

    def check(self) -> None:
        """Raise if something may have happened that nobody has seen."""
        if self._troubles:
            raise Unavailable(next(iter(self._troubles.values())))
        if self._unlisted:
            raise Unavailable("the custom resources are being listed")

    # ------------------------------------------------------------------------------------ by the watchers

    def replace(self, part: str, objects: Collection[CustomResource]) -> None:
        """This is all that the part holds."""
        listed = {one.ref: one for one in objects}
        for ref in self._members[part] - listed.keys():
            del self._objects[ref]
        self._objects |= listed
        self._members[part] = set(listed)
        self._unlisted.discard(part)
        self._tell()

    def put(self, part: str, one: CustomResource) -> None:
        self._objects[one.ref] = one
        self._members[part].add(one.ref)
        self._tell()

    def drop(self, part: str, ref: Ref) -> None:
        self._members[part].discard(ref)
        self._objects.pop(ref, None)
        self._tell()

    def trouble(self, part: str, why: str) -> None:
        """It cannot be read; empty: it can again."""
        if why != self._troubles.get(part, ""):
            self._troubles[part] = why
            if not why:
                del self._troubles[part]
            self._tell()

    def _tell(self) -> None:
        for subscriber in self._subscribers:
            subscriber()
