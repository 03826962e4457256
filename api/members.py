"""The members of an object in a request's body, each read by itself.

Rules: what is wrong with one keeps nobody from reading the next, so all faults are told at once; what is
unknown is refused with a suggestion; where members are missing and nothing else is wrong, the code says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, get_type_hints

from api.errors import Fault, Wrong, misspelt
from api.shapes import members, required
from reconciler.model import EMPTY

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
"""Takes what a member holds and its name, and gives what that says; raises `Wrong` with where it is wrong."""


class Absent(Wrong):
    code = "MISSING_FIELD"


def read(given: Any, shape: type[Any], reads: Mapping[str, Reader] = EMPTY) -> dict[str, Any]:  # noqa: ANN401
    """What members of this typed dictionary say; `reads`: those that are no text and no flag."""
    if not isinstance(given, dict):
        raise Wrong(Fault("", "body", "expected an object"))
    known, hints = members(shape), get_type_hints(shape)
    wrong: list[Wrong] = [
        Wrong(Fault(pointer(name), name, "unknown field", misspelt(name, list(known))))
        for name in given
        if name not in known
    ]
    wrong += [
        Absent(Fault(pointer(name), name, "a required field is missing"))
        for name in required(shape)
        if name not in given
    ]
    named = [name for name in given if name in known]
    reading = (partial(reads.get(name) or PLAIN[hints[name]], given[name], name) for name in named)
    return dict(zip(named, all_of(reading, wrong), strict=True))


def all_of(tries: Iterable[Callable[[], T]], wrong: Iterable[Wrong] = ()) -> list[T]:
    """What each gives; or all that is wrong, with what is known to be so already."""
    found, wrong = [], [*wrong]
    for attempt in tries:
        try:
            found.append(attempt())
        except Wrong as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        kind = Absent if all(isinstance(one, Absent) for one in wrong) else Wrong
        raise kind(*(fault for one in wrong for fault in one.faults))
    return found


def pointer(*names: str) -> str:
    """Where that is, in the JSON of the body."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def text(given: Any, name: str) -> str:  # noqa: ANN401 - whatever the body has there
    if not isinstance(given, str):
        raise Wrong(Fault(pointer(name), name, "expected text"))
    return given


def flag(given: Any, name: str) -> bool:  # noqa: ANN401 - whatever the body has there
    if not isinstance(given, bool):
        raise Wrong(Fault(pointer(name), name, "expected true or false"))
    return given


PLAIN: Mapping[object, Reader] = {str: text, bool: flag}
