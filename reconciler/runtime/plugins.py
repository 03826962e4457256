"""Finds the kinds and services of this node: our own by scanning, other distributions' by entry points.

Rules: adding a kind edits no other file; a plug-in that fails to load is reported and left out, and
the node goes on.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any

from reconciler import kinds as own
from reconciler.ports import Kind, Kinds
from reconciler.records import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that could not be loaded, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    kinds: Kinds
    broken: tuple[Broken, ...] = ()


def find_kinds() -> Found:
    kinds: dict[str, Kind[Any, Any, Any, Any]] = {}
    broken: list[Broken] = []
    for module in pkgutil.iter_modules(own.__path__):
        for kind in _kinds_in(import_module(f"{own.__name__}.{module.name}")):
            kinds[kind.__name__] = kind()
    for entry in sorted(entry_points(group="holdfast.kinds"), key=lambda e: e.name):
        try:
            kinds[entry.name] = entry.load()()
        except Exception as error:  # noqa: BLE001 - somebody else's code, at its import
            broken.append(Broken(entry.name, f"{type(error).__name__}: {error}"))
    return Found(Kinds(kinds), tuple(broken))


def _kinds_in(module: Any) -> Iterator[type[Kind[Any, Any, Any, Any]]]:  # noqa: ANN401 - a module has no type
    for value in vars(module).values():
        ours = isinstance(value, type) and value.__module__.startswith(module.__name__)
        if ours and issubclass(value, Kind) and not isabstract(value):
            yield value


def services() -> list[EntryPoint]:
    """What the runtime starts beside the engine: the API, later the operator."""
    return sorted(entry_points(group="holdfast.services"), key=lambda entry: entry.name)
