"""What one caller may do with which resource: permissions, asked for the scopes of its kind.

Rules: who may not see a resource is told the same, whether it is there or not; what holds for a whole holds
for its parts.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.access import EVERYTHING, Permissions
from reconciler.engine.book import Book
from reconciler.errors import Refused
from reconciler.model import EMPTY, Ref
from reconciler.ports.kinds import Kinds


class Rights:
    def __init__(self, kinds: Kinds, book: Book, permissions: Permissions = EVERYTHING) -> None:
        self._kinds = kinds
        self._book = book
        self._permissions = permissions
        self._everywhere: dict[str, bool] = {}  # by scope

    def of(self, permissions: Permissions) -> Rights:
        """Those of another caller."""
        return Rights(self._kinds, self._book, permissions)

    def sees(self, ref: Ref) -> bool:
        return self._has(self._kinds[ref.kind].reads, ref)

    def need_sight(self, ref: Ref) -> None:
        self.need(self._kinds[ref.kind].reads, ref)

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
