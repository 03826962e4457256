"""What a caller accepts: the headers `Accept` and `Accept-Encoding`, read and held against what there is.

Rules: nothing said accepts all; the more specific of two ranges counts (RFC 9110); what makes no sense in
such a header is passed over, as if it were not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress


def ranges(header: str) -> dict[str, float]:
    """`text/*;q=0.5, a/b` -> each range with its weight, from 0 (not accepted) to 1."""
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            found[name] = _weight(parameters)
    return found


def best(header: str, offers: Sequence[str]) -> str | None:
    """The offer that is liked most, of several the first; None: none of them is accepted."""
    if not header or header == "*/*" or not (accepted := ranges(header)):
        return offers[0]
    liked = max(offers, key=lambda offer: _liking(accepted, offer))
    return liked if _liking(accepted, liked) > 0 else None


def _liking(accepted: Mapping[str, float], offer: str) -> float:
    for name in (offer, f"{offer.partition('/')[0]}/*", "*/*", "*"):
        if name in accepted:
            return accepted[name]
    return 0.0


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            with suppress(ValueError):
                weight = float(value)
                return min(1.0, max(0.0, weight)) if math.isfinite(weight) else 0.0
            return 0.0
    return 1.0
