"""What is written below a field of a spec becomes its description.

Rules: done when somebody asks for documentation or a schema, and not at import: pydantic's own way of
doing it parses every model's source each time a command starts, which takes longer than the command.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def describe(model: type[BaseModel]) -> None:
    """Give the fields of a model, and of all models inside it, their descriptions."""
    for one in _with_parts(model, set()):
        for base in reversed(one.__mro__):
            if issubclass(base, BaseModel) and base is not BaseModel:
                for name, text in _written_below(base).items():
                    if name in one.model_fields and one.model_fields[name].description is None:
                        one.model_fields[name].description = text
        one.model_rebuild(force=True)


def _with_parts(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The models inside it first, since it is built of them."""
    if model in seen:
        return
    seen.add(model)
    for field in model.model_fields.values():
        for part in _models_in(field.annotation):
            yield from _with_parts(part, seen)
    yield model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - whatever an annotation can be
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _written_below(model: type[BaseModel]) -> dict[str, str]:
    """Each field with the text that stands right below it."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    found: dict[str, str] = {}
    if isinstance(definition, ast.ClassDef):
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(below))):
                    found[name] = inspect.cleandoc(below)
    return found
