"""What one caller may do with which resource: permissions, asked for the scopes of its kind.

Rules: who may not see a resource is told the same, whether it is there or not; what holds for a whole holds
for its parts. Who may hear of some resources alone hears of nothing else: neither of the node nor of what is
about several at once. Of what is gone the last event says what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from reconciler.access import EVERYTHING, Permissions
from reconciler.engine.book import Book
from reconciler.engine.passes import FAREWELLS
from reconciler.errors import Problem, Refused
from reconciler.model import EMPTY, Event, JsonValue, Ref
from reconciler.ports.kinds import Kinds

HEAR: Final = "events:read"


class Rights:
    def __init__(self, kinds: Kinds, book: Book, permissions: Permissions = EVERYTHING) -> None:
        self._kinds = kinds
        self._book = book
        self._permissions = permissions
        self._everywhere: dict[str, bool] = {}  # by scope
        self._seen: set[str] = set()  # kinds of which all is seen

    def of(self, permissions: Permissions) -> Rights:
        """Those of another caller."""
        return Rights(self._kinds, self._book, permissions)

    def sees(self, ref: Ref) -> bool:
        return self.sees_all(ref.kind) or self._has(self._kinds[ref.kind].reads, ref)

    def sees_all(self, kind: str) -> bool:
        """Every resource of this kind, whatever there is of it."""
        if kind not in self._seen and self._all(self._kinds[kind].reads):
            self._seen.add(kind)
        return kind in self._seen

    @property
    def hears_all(self) -> bool:
        return self._all(HEAR)

    @property
    def hears_some(self) -> bool:
        return self._permissions.allow_some(HEAR)

    def hears(self, event: Event) -> bool:
        """May the caller be told of this?"""
        if self.hears_all:
            return True
        ref = event.subject
        if ref is None:
            return False
        return self._has(HEAR, ref) or (event.name in FAREWELLS and self._was_heard(ref, event.data))

    def _was_heard(self, ref: Ref, farewell: Mapping[str, JsonValue]) -> bool:
        labels, parent = farewell.get("labels"), farewell.get("parent")
        borne = {str(name): str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}
        if self._permissions.allow_on(HEAR, ref, borne):
            return True
        with suppress(Problem):  # its kind is there no more either
            return isinstance(parent, str) and self._has(HEAR, self._kinds.ref(parent))
        return False

    def need_sight(self, ref: Ref) -> None:
        if not self.sees(ref):
            raise _refused(self._kinds[ref.kind].reads, ref)

    def need_write(self, ref: Ref, labels: Mapping[str, str] | None = None) -> None:
        """`labels` are those that it is to have; those that it has count as well."""
        scope = self._kinds[ref.kind].writes
        if labels is None or ref in self._book:
            self.need(scope, ref)
        if labels is not None and not (self._all(scope) or self._permissions.allow_on(scope, ref, labels)):
            raise _refused(scope, ref)

    def need(self, scope: str, ref: Ref) -> None:
        if not self._has(scope, ref):
            raise _refused(scope, ref)

    def _has(self, scope: str, ref: Ref) -> bool:
        if self._all(scope):
            return True
        at: Ref | None = ref
        while at is not None:
            want = self._book.resource(at) if at in self._book else None
            if self._permissions.allow_on(scope, at, want.labels if want is not None else EMPTY):
                return True
            at = want.parent if want is not None else None
        return False

    def _all(self, scope: str) -> bool:
        found = self._everywhere.get(scope)
        if found is None:
            found = self._everywhere[scope] = self._permissions.allow(scope)
        return found


def _refused(scope: str, ref: Ref) -> Refused:
    return Refused(f"no permission `{scope}` for {ref}", remedy="ask with a key that has it")
