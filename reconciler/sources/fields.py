"""Which keys a model knows at a place inside it. Pure.

Rules: a place is one of pydantic's locations, in which the names of tried shapes stand between the
steps; where several shapes are possible, the keys of all of them are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

Steps = tuple[str | int, ...]


def keys_at(model: type[BaseModel], steps: Steps) -> frozenset[str]:
    """The keys that may be written there."""
    return frozenset(key for each in _models(model, steps) for key in _keys(each))


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    """Each key as people write it, with its type."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models(annotation: object, steps: Steps) -> Iterator[type[BaseModel]]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not steps:
            yield annotation
        elif steps[0] in (keys := _keys(annotation)):
            yield from _models(keys[str(steps[0])], steps[1:])
    elif origin in {Union, UnionType}:
        yield from _models_of_shapes([shape for shape in inner if shape is not type(None)], steps)
    elif origin is Annotated:
        yield from _models(inner[0], steps)
    elif isinstance(origin, type) and steps:
        if issubclass(origin, Mapping):
            yield from _models(inner[1], steps[1:])
        elif issubclass(origin, Sequence | frozenset | set):
            yield from _models(inner[0], steps[1:])


def _models_of_shapes(shapes: Sequence[object], steps: Steps) -> Iterator[type[BaseModel]]:
    for shape in shapes:
        yield from _models(shape, steps)
        if len(shapes) > 1:  # only then their names stand between the steps
            yield from _models(shape, steps[1:])
