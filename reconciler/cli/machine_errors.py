"""What the machine refuses a command, as a problem with a remedy: a folder not its own, a full disk."""

from __future__ import annotations

import errno

from reconciler.errors import Failed, Invalid, Problem, Refused

ELSEWHERE = "name another place: the node's folder with --data"


def problem_of(error: OSError) -> Problem | None:
    """None: it is nothing that the person at the keyboard could mend."""
    where = f"{error.filename}: " if error.filename else ""
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return Refused(f"{where}{error.strerror}", remedy=f"ask as who owns it, or {ELSEWHERE}")
        case errno.EROFS:
            return Refused(f"{where}{error.strerror}", remedy=f"it can only be read; {ELSEWHERE}")
        case errno.ENOSPC | errno.EDQUOT:
            return Failed(f"{where}{error.strerror}", remedy="make room, and ask again: nothing was lost")
        case errno.ENOTDIR | errno.EEXIST | errno.EISDIR | errno.ENAMETOOLONG | errno.ELOOP:
            return Invalid(f"{where}{error.strerror}", remedy=ELSEWHERE)
    return None
