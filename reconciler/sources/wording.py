"""How errors name what people wrote: short, printable, and with the word that was probably meant.

Rules: nothing here ever shows a value, only names (keys, kinds, tags, variables): a value may be a
secret. What is shown is cut and escaped, since a name can be a megabyte long, or steer a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

Path = tuple[str | int, ...]

LONGEST: Final = 60
_NEAR_ENOUGH: Final = 0.6
_SWALLOWED: Final = re.compile("[:=]")


def shown(name: str) -> str:
    """The name, fit for one line on a terminal."""
    cut = name if len(name) <= LONGEST else name[:LONGEST] + "…"
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode()


def dotted(path: Path) -> str:
    """A path as people write it: `spec.run.command[2]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(_as_key(step))}" for step in path)
    return "".join(steps).removeprefix(".")


def _as_key(name: str) -> str:
    """A key that has swallowed its value, as `password:hunter2` without a space, is shown without it."""
    swallowed = _SWALLOWED.search(name)
    return f"{name[: swallowed.end()]}…" if swallowed else name


def nearest(name: str, known: Collection[str], cutoff: float = _NEAR_ENOUGH) -> str | None:
    """The known name that was probably meant."""
    if len(name) > LONGEST:
        return None
    from difflib import get_close_matches

    spellings = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), spellings, n=1, cutoff=cutoff)
    return spellings[near[0]] if near else None


def meant(name: str, known: Collection[str]) -> str:
    """`, did you mean 'generate'?`, or nothing when no known name is near."""
    near = nearest(name, known)
    return f", did you mean '{near}'?" if near is not None else ""
