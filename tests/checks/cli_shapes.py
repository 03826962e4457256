"""What the command line prints as JSON, described from the typed dictionaries that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from api import shapes
from reconciler import views
from reconciler.cli import results
from tests.checks.tables import table

HEAD = """
## What `-o json` prints

One document on standard output, its members in the order of their names, the same each time; progress and
questions go to standard error. A problem is JSON too, on standard error: `title`, `detail`, `code`,
`invalid_params`, and `remedy` if there is one. The exit status is the same as without. Within a major version
members may be added, and none goes or changes its meaning.

`-o table` stands for what is printed without `-o`, whatever that is called.
"""
SHAPE = re.compile(r"\b[A-Z]\w+(?:View|Result)\b")
WORDS = (
    (re.compile(r"dict\[str, Any\]"), "object"),
    (re.compile(r"dict\[str, (.+)\]"), r"map of \1"),
    (re.compile(r"list\[(.+?)\]"), r"list of \1"),
    (re.compile(r"\| None"), "or null"),
    (re.compile(r"\bstr\b"), "string"),
    (re.compile(r"\bint\b"), "integer"),
    (re.compile(r"\bfloat\b"), "number"),
    (re.compile(r"\bbool\b"), "boolean"),
    (re.compile(r"\bAny\b"), "any"),
)


class Unknown(Exception):
    """A shape that nothing describes."""


def linked(text: str) -> str:
    """With a link from each shape to where it is described."""
    return SHAPE.sub(_link, text)


def _link(shape: re.Match[str]) -> str:
    name = shape[0]
    if name in _results():
        return f"[{name}](#{name.lower()})"
    if not hasattr(views, name):
        raise Unknown(f"{name} is described nowhere: neither in the views nor in the results")
    return f"[{name}](api.md#{name.lower()})"


def shape_lines() -> Iterator[str]:
    yield HEAD
    for name, shape in _results().items():
        if not shape.__doc__:
            raise Unknown(f"{name} says nothing about itself: give it a docstring")
        yield f"### {name}\n\n{shape.__doc__}\n"
        meant, types = shapes.meanings(shape), shape.__annotations__
        rows = [(f"`{one}`", linked(_type(types[one])), meant[one]) for one in shapes.members(shape)]
        yield from [*table(("member", "type", "what it says"), rows), ""]


def _results() -> dict[str, Any]:
    own = [name for name, one in vars(results).items() if getattr(one, "__module__", "") == results.__name__]
    return {name: getattr(results, name) for name in sorted(own)}


def _type(hint: Any) -> str:  # noqa: ANN401 - as a typed dictionary keeps it
    text = str(hint.__forward_arg__)
    for python, word in WORDS:
        text = python.sub(word, text)
    return text
