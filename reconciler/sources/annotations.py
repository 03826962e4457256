"""What is Holdfast's own among a manifest's annotations.

Rules: most of them keep hands off something, so one that is misspelt is an error: in silence it would be a
safeguard that is none. Everybody else's annotations say what they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.model import API_GROUP
from reconciler.sources.complaints import Complaint
from reconciler.spelling import meant, nearest

OURS: Final = f"{API_GROUP}/"
SWITCH: Final = ("disabled", "enabled")
ANYTHING: Final = ()
VALUES: Final[Mapping[str, Sequence[str]]] = {
    f"{OURS}reconcile": SWITCH,
    f"{OURS}prune": SWITCH,
    f"{OURS}requestedAt": ANYTHING,
    f"{OURS}allow-prune": ("true", "false"),
}


def misspelt(annotations: Mapping[str, str]) -> Iterator[Complaint]:
    """Each that bears our name and says nothing to us."""
    for key, value in annotations.items():
        if not key.startswith(OURS):
            continue
        path = ("metadata", "annotations", key)
        if key not in VALUES:
            yield _unknown(path, key)
        elif (known := VALUES[key]) and value not in known:
            expected = " or ".join(f"'{each}'" for each in known)
            yield Complaint(path, f"expected {expected}{meant(value, known)}")


def _unknown(path: tuple[str, ...], key: str) -> Complaint:
    names = [each.removeprefix(OURS) for each in VALUES]  # the part before would make all of them alike
    if near := nearest(key.removeprefix(OURS), names):
        return Complaint(path, f"unknown annotation, did you mean '{OURS}{near}'?")
    return Complaint(path, "unknown annotation", f"known here: {', '.join(VALUES)}")
