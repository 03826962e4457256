"""The way to a field, as errors tell it.

Rules: nothing here ever shows a value, only keys: a value may be a secret.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.spelling import shown

Path = tuple[str | int, ...]

_SWALLOWED: Final = re.compile("[:=]")


def dotted(path: Path) -> str:
    """A path as people write it: `spec.run.command[2]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(_as_key(step))}" for step in path)
    return "".join(steps).removeprefix(".")


def _as_key(name: str) -> str:
    """A key that has swallowed its value, as `password:hunter2` without a space, is shown without it."""
    swallowed = _SWALLOWED.search(name)
    return f"{name[: swallowed.end()]}…" if swallowed else name
