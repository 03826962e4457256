"""What a command's exit status means, and how a problem is printed before it.

0   done; for `diff`: nothing differs
1   only from `diff`: something differs
2   the input or the command line is wrong
3   the node answered with an error that has no number of its own
4   not allowed
5   not found
6   conflict
7   no node there, or something that it needs is not
8   too many requests
9   it did not happen in time
70  a crash: a report file is named
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.errors import Problem

OK, DIFFERS, INVALID, FAILED, DENIED, NOT_FOUND, CONFLICT, UNAVAILABLE, LIMITED, TIMEOUT, CRASH = (
    *range(10),
    70,
)

BY_CODE = {
    "INVALID_REQUEST": INVALID,
    "MISSING_FIELD": INVALID,
    "INVALID_FIELD": INVALID,
    "PAYLOAD_TOO_LARGE": INVALID,
    "UNAUTHORIZED": DENIED,
    "FORBIDDEN": DENIED,
    "NOT_FOUND": NOT_FOUND,
    "CONFLICT": CONFLICT,
    "SERVICE_UNAVAILABLE": UNAVAILABLE,
    "RATE_LIMIT_EXCEEDED": LIMITED,
    "TIMEOUT": TIMEOUT,
}


def status_of(problem: Problem) -> int:
    return BY_CODE.get(problem.code, FAILED)
