"""What a typed dictionary says of itself: its members, which of them must be there, and what each means.

Rules: a member's meaning is the comment behind it, or a text in its `Annotated`; read when somebody asks
for documentation, never for a request.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

BASE = re.compile(r"class \w+\((\w+)")
MEMBER = re.compile(r"    (\w+): [^#]+?  # (.+)")


def takes(body: type[Any], *, yaml: bool = False) -> dict[str, Any]:
    """The opt of a route with a body of this shape, which names resources; `yaml`: manifests, in YAML too."""
    return {"takes": body, "yaml": yaml, "names": not yaml}


def members(of: type[Any]) -> tuple[str, ...]:
    return tuple(get_type_hints(of))


def required(of: type[Any]) -> tuple[str, ...]:
    """Asked of the hints: `__required_keys__` cannot see through annotations that are text."""
    hints = get_type_hints(of, include_extras=True)
    return tuple(name for name, hint in hints.items() if get_origin(hint) is not NotRequired)


def meanings(of: type[Any]) -> dict[str, str]:
    """What each member means, those that it inherits included."""
    found = dict(_commented(of))
    for name, hint in get_type_hints(of, include_extras=True).items():
        annotated = get_args(hint)[0] if get_origin(hint) is NotRequired else hint
        found.update((name, told) for told in getattr(annotated, "__metadata__", ()))
    return found


def _commented(of: type[Any]) -> Iterator[tuple[str, str]]:
    try:
        head, *lines = inspect.getsource(of).splitlines()
    except (OSError, TypeError):  # made by a call: it has no lines of its own
        return
    above = BASE.match(head)  # a typed dictionary forgets its bases when it is made
    base = getattr(inspect.getmodule(of), above[1], None) if above else None
    if base is not None and hasattr(base, "__required_keys__"):
        yield from _commented(base)
    for line in lines:
        if member := MEMBER.fullmatch(line):
            yield member[1], member[2]
