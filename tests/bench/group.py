"""One group of rows, measured; a goal that is nearly met is not missed before it was measured twice.

Rules: the same thing may stand beside more than one neighbour, so a row is its name and whom it is beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from tests.bench.row import Row, nearly_holds


def measured(name: str) -> list[Row]:
    return twice_if_near(import_module(f"tests.bench.{name}").rows)


def twice_if_near(rows: Callable[[], Iterable[Row]]) -> list[Row]:
    found = list(rows())
    if any(nearly_holds(row) for row in found):
        again = {(row.name, row.neighbour): row for row in rows()}
        found = [again.get((row.name, row.neighbour), row) if nearly_holds(row) else row for row in found]
    return found
