"""What installed distributions offer under the name of a group: their entry points.

Rules: finds what `importlib.metadata` finds in folders (eggs apart), which a test compares, without what that
imports: four hundredths of all that a command does; nor is a `Path` made of each. Of two distributions of one
name the first one on the path counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.records import dataclass

if TYPE_CHECKING:
    from importlib.metadata import Distribution

INSTALLED = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    name: str
    group: str
    value: str
    place: Path
    """The folder in which its distribution tells of itself."""

    def load(self) -> Any:  # noqa: ANN401 - whatever it names
        module, _, attributes = self.value.partition("[")[0].replace(" ", "").partition(":")
        return reduce(getattr, filter(None, attributes.split(".")), import_module(module))

    @property
    def distribution(self) -> Distribution:
        from importlib.metadata import Distribution

        return Distribution.at(self.place)


def entry_points(group: str, path: Iterable[str]) -> Iterator[EntryPoint]:
    seen = set()
    for folder in path:
        for found in _listed(folder):
            if found.endswith(INSTALLED) and (name := _normal(found)) not in seen:
                seen.add(name)
                yield from _offered(group, os.path.join(folder, found))  # noqa: PTH118 - see above


def _normal(found: str) -> str:
    name = found.rpartition(".")[0].partition("-")[0]
    return re.sub(r"[-_.]+", "_", name).lower()


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")  # noqa: PTH208 - see above
    except OSError:  # an archive, or not there
        return []


def _offered(group: str, place: str) -> Iterator[EntryPoint]:
    try:
        with open(f"{place}/entry_points.txt", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - see above
            text = file.read()
    except OSError:  # it offers nothing, as most
        return
    of = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            of = line.strip("[]")
        elif of == group and "=" in line and not line.startswith("#"):
            name, _, value = map(str.strip, line.partition("="))
            yield EntryPoint(name, group, value, Path(place))
