"""What services use just now, as a table that may be followed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, given, output_as
from reconciler.cli.naming import SERVICE
from reconciler.cli.tables import aligned
from reconciler.errors import NotFound, Unavailable
from reconciler.ref_text import parted

if TYPE_CHECKING:
    from reconciler.cli.door import Door
    from reconciler.views import ServiceUsageView

LOOK_S = 2.0
FROM_THE_TOP, TO_THE_RIGHT, TO_THE_END = "\x1b[H", "\x1b[K", "\x1b[J"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
A_KILO = 1024


@click.command(cls=Verb)
@click.argument("names", type=SERVICE, nargs=-1, metavar="[NAME]...")
@click.option("--follow", is_flag=True, help="Look again every two seconds.")
@output_as("table", "json", json="a list of ServiceUsageView, on one line each time")
@at_node
def stats(where: Where, names: tuple[str, ...], follow: bool, output: str) -> None:
    """What services use just now, all that they have started included."""
    if follow and not where.runs:
        raise Unavailable(f"no node runs on {where.data}", remedy="`holdfast up` starts one")
    with where.open(reading=True) as door:
        found = _named(door, names)
        if not follow:
            _print(found, output)
        while follow:
            _print(found, output, anew=output == "table" and sys.stdout.isatty())
            sys.stdout.flush()
            time.sleep(LOOK_S)
            found = _named(door, names)


def _named(door: Door, names: Sequence[str]) -> list[ServiceUsageView]:
    """In the order of the names; all, if none is given."""
    namespace = given("namespace")
    found = door.usage({"namespace": namespace} if namespace and not names else {})
    if not names:
        return found
    known = {("service", one["namespace"], one["name"]): one for one in found}
    wanted = [(kind.lower().removesuffix("s"), space, name) for kind, space, name in map(parted, names)]
    for name, ref in zip(names, wanted, strict=True):
        if ref not in known:
            raise NotFound(f"there is no {name}", remedy="`holdfast get service` lists the services")
    return [known[ref] for ref in wanted]


def _print(found: Sequence[ServiceUsageView], output: str, *, anew: bool = False) -> None:
    if output == "json":
        click.echo(json.dumps(found, sort_keys=True))
        return
    lines = list(_table(found))
    if anew:
        shown = "".join(f"{line}{TO_THE_RIGHT}\n" for line in _fitting(lines))
        click.echo(FROM_THE_TOP + shown + TO_THE_END, nl=False)
    else:
        click.echo("\n".join(lines))


def _fitting(lines: Sequence[str]) -> Iterator[str]:
    """What has room in the window, below it the cursor: what scrolls away could not be drawn over."""
    columns, height = get_terminal_size()
    room = max(height - 1, 1)
    if len(lines) > room:
        lines = [*lines[: room - 1], f"and {len(lines) - room + 1} more: name those that you mean"]
    return (line[:columns] for line in lines)


def _table(found: Sequence[ServiceUsageView]) -> Iterator[str]:
    if not found:
        yield "no service is declared"
        return
    head = ["NAME", "REASON", "CPU %", "MEMORY", "PROCESSES", "RESTARTS", "SINCE"]
    yield from aligned([head, *map(_row, found)])


def _row(one: ServiceUsageView) -> list[str]:
    used = one["used"]
    if used is None:
        return [one["ref"], one["reason"], "-", "-", "-", "-", "-"]
    share = used["cpu_percent"]
    return [
        one["ref"],
        one["reason"],
        "-" if share is None else f"{share:.2f}",
        _size(used["memory_bytes"]),
        str(used["processes"]),
        str(used["restarts"]),
        _age(used["started_at"]),
    ]


def _size(count: float) -> str:
    for unit in UNITS[:-1]:
        if count < A_KILO:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= A_KILO
    return f"{count:.1f} {UNITS[-1]}"


def _age(since: str) -> str:
    """In its two largest units: `3h12m`."""
    left = max(int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()), 0)
    parts = []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts.append((count, unit))
    first = next((n for n, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return "".join(f"{count}{unit}" for count, unit in parts[first : first + 2])
