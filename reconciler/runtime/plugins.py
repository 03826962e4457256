"""Finds the kinds and services of this node: our own by scanning, other distributions' by entry points.

Rules: adding a kind edits no other file. A kind is imported when it is first asked for, so that a command
pays for those that it meets: `kinds/names.json`, a generated file, tells which are in which folder, and a
folder that is not in it yet is imported at once. A plug-in that fails to load is reported and left out, and
the node goes on.
"""

from __future__ import annotations

import json
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any

from reconciler import kinds as own
from reconciler.ports.kind import Kind
from reconciler.ports.kinds import Kinds
from reconciler.runtime.entry_points import EntryPoint, entry_points

NAMES = "names.json"
KINDS = "holdfast.kinds"
OURS = "holdfast"  # the distribution


def find_kinds() -> Kinds:
    ours = {
        name: partial(_own, folder, name)
        for folder, names in own_names(_generated()).items()
        for name in names
    }
    foreign = {entry.name: partial(_foreign, entry) for entry in _entries(KINDS, *sys.path)}
    return Kinds(later={**ours, **foreign}, ours=ours.keys() - foreign.keys())


def own_names(known: dict[str, list[str]]) -> dict[str, list[str]]:
    """Which of our kinds are in which folder; those that are not known are imported."""
    folders = sorted(module.name for module in pkgutil.iter_modules(own.__path__))
    return {
        folder: known.get(folder) or sorted(kind.__name__ for kind in _kinds_in(folder)) for folder in folders
    }


def _generated() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    with suppress(FileNotFoundError):  # it is just being generated
        names = json.loads(Path(own.__path__[0], NAMES).read_bytes())
    return names


def _own(folder: str, name: str) -> Kind[Any, Any, Any, Any]:
    return next(kind for kind in _kinds_in(folder) if kind.__name__ == name)()


def _kinds_in(folder: str) -> Iterator[type[Kind[Any, Any, Any, Any]]]:
    module = import_module(f"{own.__name__}.{folder}")
    for value in vars(module).values():
        ours = isinstance(value, type) and value.__module__.startswith(module.__name__)
        if ours and issubclass(value, Kind) and not isabstract(value):
            yield value


def _foreign(entry: EntryPoint) -> Kind[Any, Any, Any, Any]:
    kind: Kind[Any, Any, Any, Any] = entry.load()()
    return kind


def services() -> list[EntryPoint]:
    """What the runtime starts beside the engine: the API, later the operator."""
    return _entries("holdfast.services", *sys.path)


def from_elsewhere() -> list[EntryPoint]:
    """The plug-ins of other distributions, as far as they can be loaded."""
    found = (*_entries(KINDS, *sys.path), *services())
    return [entry for entry in found if entry.distribution.name != OURS and _loads(entry)]


def _loads(entry: EntryPoint) -> bool:
    try:
        entry.load()
    except Exception:  # noqa: BLE001 - whatever it is, whoever needs it says so
        return False
    return True


@cache
def _entries(group: str, *path: str) -> list[EntryPoint]:
    """Sought once for as long as modules are found in the same folders: all distributions are looked at."""
    return sorted(entry_points(group, path), key=lambda entry: entry.name)
