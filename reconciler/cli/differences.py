"""A preview as people read it: `+ ~ - -/+`, the fields, the reasons, and the count in the last line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.plain import plain

if TYPE_CHECKING:
    from reconciler.views import DifferenceView, PreviewView

MARKS = {
    "add": ("+", "green"),
    "change": ("~", "yellow"),
    "remove": ("-", "red"),
    "recreate": ("-/+", "red"),
    "foreign": ("!", "yellow"),  # somebody else's: it is told apart and not touched
}
LONGEST = 120


def show(preview: PreviewView, *, err: bool = False) -> None:
    for line in lines(preview):
        click.echo(line, err=err)


def lines(preview: PreviewView) -> Iterator[str]:
    for one in preview["differences"]:
        yield from _difference(one)
    for conflict in preview["conflicts"]:
        yield click.style(f"! {plain(conflict)}: change it there, `apply` refuses", fg="yellow")
    for warning in preview["warnings"]:
        yield click.style(f"! {plain(warning)}", fg="yellow")
    if preview["differences"] or preview["warnings"] or preview["conflicts"]:
        yield ""
    yield summary(preview)


def summary(preview: PreviewView) -> str:
    return (
        f"Plan: {preview['adds']} to add, {preview['changes']} to change, "
        f"{preview['removes']} to remove, {preview['unchanged']} unchanged."
    )


def _difference(one: DifferenceView) -> Iterator[str]:
    mark, colour = MARKS[one["action"]]
    foreign = ": somebody else's, not touched" if one["action"] == "foreign" else ""
    yield click.style(f"{mark} {one['ref']}{foreign}", fg=colour, bold=True)
    for change in one["changes"]:
        if change["path"]:
            forces = "  (forces the recreate)" if change["recreates"] else ""
            path, seen, want = ".".join(change["path"]), _short(change["seen"]), _short(change["want"])
            yield f"    {path}: {seen} -> {want}{forces}"
    for name, value in one["wish"].items():
        yield f"    {name}: {_short(value)}"
    if one["reason"]:
        yield f"    {plain(one['reason'])}"
    if one["affects"]:
        yield f"    affects {', '.join(one['affects'])}"


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    bare = isinstance(value, str) and value and value.isprintable()
    text = str(value) if bare else plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
