"""`holdfast graph`: who needs whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import click

from reconciler.cli.door import Where, at_node
from reconciler.cli.everywhere import Verb, output_as

Needs = Mapping[str, Sequence[str]]


@click.command(cls=Verb)
@output_as("tree", "mermaid", "dot", "json", json="each ref with a list of those that it needs")
@at_node
def graph(where: Where, output: str) -> None:
    """Who needs whom: as a tree, or for Mermaid or Graphviz."""
    with where.open(reading=True) as door:
        needs = door.graph()
    for line in {"tree": tree, "mermaid": mermaid, "dot": dot, "json": as_json}[output](needs):
        click.echo(line)


def tree(needs: Needs) -> Iterator[str]:
    """Each resource that nothing needs, or that only a cycle leads to, and below it what it needs."""
    for root in _roots(needs):
        yield root
        yield from _below(root, needs, "", (root,))


def _roots(needs: Needs) -> Iterator[str]:
    needed = {need for wanted in needs.values() for need in wanted}
    shown: set[str] = set()
    for ref in sorted(needs, key=lambda ref: (ref in needed, ref)):
        if ref in shown:
            continue
        below = _all_below(ref, needs)
        if ref not in needed or ref in below:  # or else a member of its cycle comes later, and shows it
            shown |= below
            yield ref


def _all_below(ref: str, needs: Needs) -> set[str]:
    found: set[str] = set()
    queue = [ref]
    while queue:
        new = set(needs.get(queue.pop(), ())) - found
        found |= new
        queue += new
    return found


def _below(ref: str, needs: Needs, indent: str, path: tuple[str, ...]) -> Iterator[str]:
    wanted = sorted(needs.get(ref, ()))
    for number, need in enumerate(wanted):
        last = number == len(wanted) - 1
        note = " (again: a cycle)" if need in path else "" if need in needs else " (not declared)"
        yield f"{indent}{'└─' if last else '├─'} {need}{note}"
        if need not in path:
            yield from _below(need, needs, indent + ("   " if last else "│  "), (*path, need))


def mermaid(needs: Needs) -> Iterator[str]:
    every = {*needs, *(need for wanted in needs.values() for need in wanted)}
    names = {ref: f"n{number}" for number, ref in enumerate(sorted(every))}
    yield "graph LR"
    for ref, name in names.items():
        yield f'  {name}["{ref}"]'
    for ref, wanted in needs.items():
        for need in wanted:
            yield f"  {names[ref]} --> {names[need]}"


def as_json(needs: Needs) -> Iterator[str]:
    yield json.dumps(needs, indent=2, sort_keys=True)


def dot(needs: Needs) -> Iterator[str]:
    yield "digraph holdfast {"
    for ref, wanted in needs.items():
        yield f'  "{ref}";'
        for need in wanted:
            yield f'  "{ref}" -> "{need}";'
    yield "}"
