"""Every error that Holdfast raises on purpose, as one tree.

    Problem
    ├── Invalid            the input is wrong; the same input fails again
    │   ├── Missing        a field or file that must be there is not
    │   ├── Misplaced      an error with file, line and column (manifests)
    │   └── Rejected       several of these at once
    ├── NotFound           no such thing
    ├── Conflict           it is there already, declared elsewhere, or has moved on
    │   └── InUse          another process works on it
    ├── Refused            understood and not allowed (a foreign object, a policy, a permission)
    │   └── Unauthorized   nobody has said who is asking
    ├── TooLarge           over a stated limit
    ├── Failed             an act was tried and did not work; trying again may help
    │   ├── Unavailable    the other side is not there just now
    │   ├── Limited        too much was asked of it in too short a time
    │   └── TimedOut       it did not answer in time
    └── Corrupt            what we stored cannot be read any more

Rules: a message names the cause and the place, `remedy` says what to do about it; neither ever
holds a secret. `code` is the word that the API and the command line show, `retriable` says whether
the same act is worth trying again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class Problem(Exception):
    """The root: a failure with a cause that a person can act on."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    retriable: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message


class Invalid(Problem):
    """The input is wrong; the same input fails again."""

    code = "INVALID_REQUEST"


class Missing(Invalid):
    """A field or a file that must be there is not."""

    code = "MISSING_FIELD"


class Place(NamedTuple):
    """Where in a manifest something stands: counted from one, as editors do."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Misplaced(Invalid):
    """An error at a place in a manifest: `file:line:column: path: what is wrong`."""

    code = "INVALID_FIELD"

    def __init__(self, place: Place, path: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(f"{place}: {path}: {reason}" if path else f"{place}: {reason}", remedy=remedy)
        self.place = place
        self.path = path
        self.reason = reason


class Rejected(Invalid):
    """Manifests with errors: all of them at once, each with its place."""

    def __init__(self, problems: Sequence[Misplaced]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotFound(Problem):
    """No such thing."""

    code = "NOT_FOUND"


class Conflict(Problem):
    """It is there already, declared differently elsewhere, or has moved on meanwhile."""

    code = "CONFLICT"


class InUse(Conflict):
    """Another process works on it; `holder` names that one."""

    def __init__(self, message: str, *, holder: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.holder = holder


class Refused(Problem):
    """Understood and not allowed."""

    code = "FORBIDDEN"


class Unauthorized(Refused):
    """Nobody has said who is asking, or the proof does not hold."""

    code = "UNAUTHORIZED"


class TooLarge(Invalid):
    """Over a stated limit."""

    code = "PAYLOAD_TOO_LARGE"


class Failed(Problem):
    """An act was tried and did not work; trying again may help."""

    code = "FAILED"
    retriable = True


class Unavailable(Failed):
    """The other side is not there just now."""

    code = "SERVICE_UNAVAILABLE"


class Limited(Failed):
    """Too much was asked in too short a time."""

    code = "RATE_LIMIT_EXCEEDED"


class TimedOut(Failed):
    """The other side did not answer in time."""

    code = "TIMEOUT"


class Corrupt(Problem):
    """What was stored cannot be read any more."""

    code = "CORRUPT"
