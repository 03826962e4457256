"""What is told of a bundle names its files as the person has named them, not as they lie in it.

Rules: only places in the bundle are named anew: another source may hold a file of the same path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.errors import Misplaced, Place, Rejected

if TYPE_CHECKING:
    from reconciler.views import DifferenceView, PreviewView

Names = Mapping[str, str]  # path in the bundle -> as it was named
OF_THE_BUNDLE = r" \(source inbox\)"  # behind a place, where one of several sources is told


@contextmanager
def problems_as_named(names: Names) -> Iterator[None]:
    """What is wrong with manifests, whoever has read them."""
    try:
        yield
    except Rejected as rejected:
        raise Rejected([_misplaced(one, names) for one in rejected.problems]) from rejected


def preview_as_named(preview: PreviewView, names: Names) -> PreviewView:
    elsewhere = " ".join(preview["conflicts"])
    return {
        **preview,
        "differences": [_difference(one, names, elsewhere) for one in preview["differences"]],
        "warnings": [_told(warning, names, OF_THE_BUNDLE) for warning in preview["warnings"]],
    }


def _misplaced(one: Misplaced, names: Names) -> Misplaced:
    place = Place(names.get(one.place.file, one.place.file), one.place.line, one.place.column)
    return Misplaced(place, one.path, _told(one.reason, names), remedy=one.remedy)


def _difference(one: DifferenceView, names: Names, elsewhere: str) -> DifferenceView:
    file, *rest = one["place"].rsplit(":", 2)
    if one["action"] == "remove" or file not in names or f"at {one['place']} " in elsewhere:
        return one
    return {**one, "place": ":".join([names[file], *rest])}


def _told(text: str, names: Names, behind: str = "") -> str:
    """A text with places in it."""
    if not (names and re.search(rf":\d+:\d+{behind}", text)):
        return text
    paths = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    places = re.compile(rf"(?<![^\s(])({paths})(?=:\d+:\d+{behind})")
    return places.sub(lambda found: names[found[1]], text)
