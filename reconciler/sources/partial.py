"""What of the last good revision stays in force while some documents are broken. Pure.

Rules: in a file with a problem, everything that the new revision does not declare any more may be what
the broken document declared, so it stays; a problem without a place keeps everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.errors import Misplaced
from reconciler.model import Snapshot


def carry(last: Snapshot, new: Snapshot) -> Snapshot:
    """The new revision, with the last good version of what is broken in it."""
    files = broken(new.problems)
    if files is not None and not files:
        return new
    carried = {
        ref: resource
        for ref, resource in last.resources.items()
        if ref not in new.resources and (files is None or resource.origin.file in files)
    }
    return replace(new, resources={**new.resources, **carried}) if carried else new


def broken(problems: Iterable[Exception]) -> frozenset[str] | None:
    """The files that have problems; None: any may have."""
    found = set()
    for problem in problems:
        if not isinstance(problem, Misplaced):
            return None
        found.add(problem.place.file)
    return frozenset(found)
