"""The generated reference pages of the settings and of the errors, from the code's own words."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import Any, get_type_hints

from api.described_problems import MEANINGS
from api.errors import STATUS
from reconciler import errors as tree
from reconciler.former_names import FORMER
from reconciler.settings import PREFIX, Settings
from tests.checks.tables import NOTE, table, value


def settings() -> str:
    """Every setting with its variable, its default and what it does."""
    rows = [
        (f"`{section}.{field.name}`", f"`{PREFIX}{section}_{field.name}`".upper(), value(field.default), doc)
        for section, of in get_type_hints(Settings).items()
        if isinstance(of, type) and dataclasses.is_dataclass(of)
        for field, doc in _documented(of)
    ]
    return "\n".join(
        [
            NOTE,
            "# Settings\n",
            "Laid in layers, each over the one before: defaults, `holdfast.toml` in the data folder (or",
            f"where `{PREFIX}CONFIG` says), its overlay for the environment",
            "(`[environments.NAME.SECTION]`), variables, flags. A name that is no setting is refused.\n",
            *table(("setting", "variable", "default", "what it does"), rows),
            "\n## Former names\n",
            "The file may call these settings as LibreSeed does. Two names of one setting in one layer",
            "are an error.\n",
            *table(("former name", "setting"), [(f"`{old}`", f"`{new}`") for old, new in FORMER.items()]),
            "",
        ]
    )


def errors() -> str:
    """The error tree: what a code means, and whether trying again may help."""
    classes = [
        value for value in vars(tree).values() if isinstance(value, type) and issubclass(value, tree.Problem)
    ]
    rows = [
        (f"`{of.code}`", of.__name__, inspect.getdoc(of) or "", "yes" if of.retriable else "no")
        for of in classes
    ]
    return "\n".join(
        [
            NOTE,
            "# Errors\n",
            "Each says its cause, its place and a remedy. The code is the same on the command line, in the",
            "API's problem documents and in a resource's status.\n",
            *table(("code", "error", "what happened", "worth a retry"), rows),
            "\n## Over HTTP\n",
            "Every answer that is an error is a problem document (RFC 9457,",
            "`application/problem+json`), with the code in `code`, the place in `errors`, the remedy in",
            "`remedy`, and in `request_id` the id under which the node's log says more.\n",
            *table(("code", "status", "when", "such as", "remedy"), list(_over_http())),
            "",
        ]
    )


def _over_http() -> Iterator[tuple[str, str, str, str, str]]:
    for code, meaning in MEANINGS.items():
        yield f"`{code}`", str(STATUS[code]), meaning.when, meaning.sample, meaning.remedy


def _documented(of: type[Any]) -> Iterator[tuple[dataclasses.Field[Any], str]]:
    """The fields of a dataclass, with the docstring that follows each."""
    body = next(
        node for node in ast.walk(ast.parse(dedent(inspect.getsource(of)))) if isinstance(node, ast.ClassDef)
    ).body
    docs = {
        field.target.id: inspect.cleandoc(doc.value.value)
        for field, doc in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
        and isinstance(doc.value.value, str)
    }
    for field in dataclasses.fields(of):
        yield field, docs.get(field.name, "")
