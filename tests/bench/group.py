"""One group of rows, measured; a goal that is nearly met is not missed before it was measured twice."""

from __future__ import annotations

from importlib import import_module

from tests.bench.row import Row, nearly_holds


def measured(name: str) -> list[Row]:
    module = import_module(f"tests.bench.{name}")
    found = list(module.rows())
    if any(nearly_holds(row) for row in found):
        again = {row.name: row for row in module.rows()}
        found = [again.get(row.name, row) if nearly_holds(row) else row for row in found]
    return found
