"""The desk as each caller may see it, made once for who asks again and again."""

from __future__ import annotations

from reconciler.access import Permissions
from reconciler.runtime.desk import Desk

MOST = 64  # that are kept; when there are more, all are made anew


class Desks:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[
            int, tuple[Permissions, Desk]
        ] = {}  # by identity, which is theirs while they are kept

    def __call__(self, permissions: Permissions) -> Desk:
        known = self._kept.get(id(permissions))
        if known is None:
            if len(self._kept) >= MOST:
                self._kept.clear()
            known = self._kept[id(permissions)] = permissions, self._desk.seen_by(permissions)
        return known[1]
