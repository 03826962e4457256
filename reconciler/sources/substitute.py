"""`${NAME}`: the variables of a source, filled into the values of its manifests.

Rules: `${NAME:-default}` takes the default where the variable is not given or empty, as a shell does;
`$${NAME}` is the text `${NAME}`; anything else that begins with `${` is an error, never silently kept.
What is filled in is not looked at again, and happens after parsing: a value cannot bring structure with
it. `$(…)` belongs to run time and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from reconciler.errors import Invalid
from reconciler.spelling import meant, shown

MAX_GROWTH: Final = 1_000_000  # characters that one value may grow by

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}]*)?\}|\$\{")


def filler(variables: Mapping[str, str]) -> Callable[[str], str]:
    """What fills these variables into a text, and raises `Invalid` where that cannot be done."""

    def fill(text: str) -> str:
        growth = 0

        def value(match: re.Match[str]) -> str:
            nonlocal growth
            found = _value(match, variables)
            growth += len(found) - len(match[0])
            if growth > MAX_GROWTH:
                raise Invalid(f"its variables make this value longer by more than {MAX_GROWTH} characters")
            return found

        return _VARIABLE.sub(value, text)

    return fill


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, default = match["name"], match["default"]
    if match[0] == "$${":
        return "${"
    if name is None:
        raise Invalid(
            "'${' begins no variable", remedy="write ${NAME} or ${NAME:-default}, or $${ for the text '${'"
        )
    if found := variables.get(name):
        return found
    if default is not None:
        return default.removeprefix(":-")
    if name in variables:
        return ""
    raise Invalid(
        f"unknown variable '{shown(name)}'{meant(name, variables)}",
        remedy=f"give it in the source's `substitute`, or write $${{{shown(name)}}} for the text itself",
    )
