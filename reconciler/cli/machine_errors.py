"""What the machine refuses a command, as a problem with a remedy: a folder not its own, a full disk."""

from __future__ import annotations

import errno

from reconciler.errors import Failed, Invalid, Problem, Refused


def problem_of(error: OSError) -> Problem | None:
    """None: it is nothing that the person at the keyboard could mend."""
    where = f"{error.filename}: " if error.filename else ""
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return Refused(
                f"{where}{error.strerror}", remedy="ask as who owns it, or name another folder with --data"
            )
        case errno.EROFS:
            return Refused(
                f"{where}{error.strerror}", remedy="name a folder that can be written to with --data"
            )
        case errno.ENOSPC | errno.EDQUOT:
            return Failed(f"{where}{error.strerror}", remedy="make room, and ask again: nothing was lost")
        case errno.ENOTDIR | errno.EEXIST | errno.EISDIR | errno.ENAMETOOLONG | errno.ELOOP:
            return Invalid(f"{where}{error.strerror}", remedy="name another folder with --data")
    return None
