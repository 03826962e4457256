"""Resources as a table: the columns that all have, and where one kind is listed, its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from reconciler.views import ResourceView


def table(found: Sequence[ResourceView], *, wide: bool) -> Iterator[str]:
    if not found:
        yield "nothing is declared"
        return
    own = list(found[0]["columns"]) if len({one["kind"] for one in found}) == 1 else []
    head = ["NAME", "READY", "REASON", *(name.upper() for name in own)]
    head += ["SOURCE", "REVISION", "MESSAGE"] if wide else []
    yield from aligned([head, *(_row(one, own, wide=wide) for one in found)])


def _row(one: ResourceView, own: Sequence[str], *, wide: bool) -> list[str]:
    status = one["status"]
    row = [status["ref"], str(status["ready"]), status["reason"]]
    row += [one["columns"].get(name, "") or "-" for name in own]
    if wide:
        row += [one["origin"]["source"], one["origin"]["revision"][:16] or "-", status["message"]]
    return row


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
