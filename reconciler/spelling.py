"""Names that people wrote, in errors: short and printable, and the one that was probably meant.

Rules: a name may be eight megabytes long, or steer a terminal, so what is shown is cut and escaped, and what
is longer than any name is compared with none: that alone would take forty times its room.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

LONGEST: Final = 60
NEAR_ENOUGH: Final = 0.6


def shown(name: str) -> str:
    """The name, fit for one line on a terminal."""
    cut = name if len(name) <= LONGEST else name[:LONGEST] + "…"
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode()


def nearest(name: str, known: Collection[str], cutoff: float = NEAR_ENOUGH) -> str | None:
    """The known name that was probably meant."""
    if len(name) > LONGEST:
        return None
    from difflib import get_close_matches

    spellings = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), spellings, n=1, cutoff=cutoff)
    return spellings[near[0]] if near else None


def hint_in(text: str) -> str:
    """What such an error says at its end, for who tells it apart from the rest; empty: nothing."""
    found = text.rpartition(", did you mean ")[2] if ", did you mean " in text else ""
    return f"did you mean {found}" if found else ""


def meant(name: str, known: Collection[str]) -> str:
    """`, did you mean 'generate'?`, or nothing when no known name is near."""
    near = nearest(name, known)
    return f", did you mean '{near}'?" if near is not None else ""
