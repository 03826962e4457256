"""What a model says about wrong data, in plain words, at the field where it is wrong.

Rules: no message shows a value, which may be a secret: it names what was expected, and for a misspelt
key or word what was probably meant. Where a field may have one of several shapes, only the one that
was probably meant is complained about.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.errors import Invalid
from reconciler.model import JsonValue
from reconciler.sources.fields import keys_at
from reconciler.sources.wording import Path
from reconciler.spelling import nearest

MOST: Final = 20  # of one document: who reads them mends the first ones first
_LOOKED_AT: Final = 500

_SHAPES: Final = {
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
}
_IS: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_TELLS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "literal_error": lambda ctx: f"expected {ctx['expected']}",
    "enum": lambda ctx: f"expected {ctx['expected']}",
    "greater_than": lambda ctx: f"expected more than {ctx['gt']}",
    "greater_than_equal": lambda ctx: f"expected at least {ctx['ge']}",
    "less_than": lambda ctx: f"expected less than {ctx['lt']}",
    "less_than_equal": lambda ctx: f"expected at most {ctx['le']}",
    "string_too_short": lambda ctx: f"expected at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"expected at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: f"expected text of the form {ctx['pattern']}",
    "too_short": lambda ctx: f"expected at least {ctx['min_length']} items",
    "too_long": lambda ctx: f"expected at most {ctx['max_length']} items",
    "value_error": lambda ctx: str(ctx["error"]),
    "assertion_error": lambda ctx: str(ctx["error"]),
    "union_tag_invalid": lambda ctx: f"expected {ctx['discriminator']} to be one of {ctx['expected_tags']}",
    "union_tag_not_found": lambda ctx: f"the field {ctx['discriminator']}, which says what it is, is missing",
}
_CHOICES: Final = {"literal_error", "enum"}
_OF_PYDANTIC: Final = re.compile(r"^Input should be (?:a valid |an? )?")
_WORDS: Final = re.compile(r"'([^']+)'")
_KEY: Final = "[key]"  # the last step of a location whose key is wrong, not its value
_NOTHING: Final = object()


class Complaint(NamedTuple):
    """Something wrong with a document's data."""

    path: Path
    reason: str
    remedy: str = ""


class Wrong(Invalid):
    """A document is ours, and wrong."""

    def __init__(self, *complaints: Complaint) -> None:
        super().__init__("; ".join(each.reason for each in complaints))
        self.complaints = complaints


class _Found(NamedTuple):
    """One of pydantic's errors."""

    type: str
    tells: str
    location: tuple[str | int, ...]  # with the names of shapes between the steps
    path: Path  # the steps alone
    shape: tuple[Path, str] | None  # the field that may have several shapes, and the one that was tried


def complaints(error: ValidationError, model: type[BaseModel], data: JsonValue) -> list[Complaint]:
    """What is wrong, each field once; at most `MOST`, and how many more there are."""
    errors = error.errors(include_url=False, include_input=False)
    fields: dict[Path, list[_Found]] = defaultdict(list)
    for found in _probable([_found(each, data) for each in errors[:_LOOKED_AT]]):
        fields[found.path].append(found)
    unknown = {
        path: _unknown(path, found[0], model)
        for path, found in islice(fields.items(), MOST)
        if found[0].type == "extra_forbidden"
    }
    told = [complaint for complaint, _ in unknown.values()]
    misspelt = {right for _, right in unknown.values()}
    told += [
        _complaint(path, found, model, data)
        for path, found in islice(fields.items(), MOST)
        if path not in unknown and path not in misspelt
    ]
    if len(fields) > MOST:
        told.append(Complaint((), f"and {len(errors) - MOST} more errors in this document"))
    return told


def _found(error: ErrorDetails, data: JsonValue) -> _Found:
    """Tell the steps into the data from the names of the shapes that were tried."""
    path: list[str | int] = []
    shape: tuple[Path, str] | None = None
    for step in error["loc"]:
        inside = _value(data, (step,))
        if inside is not _NOTHING:
            data = inside
            path.append(step)
        elif error["type"] == "missing" and step is error["loc"][-1]:
            path.append(step)
        elif step != _KEY and shape is None:
            shape = tuple(path), str(step)
    tell = _TELLS.get(error["type"])
    tells = tell(error["ctx"]) if tell else _OF_PYDANTIC.sub("expected ", error["msg"])
    return _Found(error["type"], tells, error["loc"], tuple(path), shape)


def _probable(errors: Sequence[_Found]) -> Iterator[_Found]:
    """Leave out what is said about shapes that were hardly meant."""
    tried: dict[Path, dict[str, list[_Found]]] = defaultdict(lambda: defaultdict(list))
    for error in errors:
        if error.shape is not None:
            field, shape = error.shape
            tried[field][shape].append(error)
    right = {field: _meant(field, shapes) for field, shapes in tried.items()}
    return (error for error in errors if error.shape is None or error.shape[1] in right[error.shape[0]])


def _meant(field: Path, shapes: Mapping[str, list[_Found]]) -> set[str]:
    """The shape that fits best among those whose inside was looked at; all, when none was."""
    entered = {shape: len(errors) for shape, errors in shapes.items() if all(e.path != field for e in errors)}
    return {min(entered, key=entered.__getitem__)} if entered else set(shapes)


def _unknown(path: Path, found: _Found, model: type[BaseModel]) -> tuple[Complaint, Path]:
    """The complaint about a key that is not known, and the path that was probably meant."""
    known = keys_at(model, found.location[:-1])
    near = nearest(str(path[-1]), known)
    if near is not None:
        return Complaint(path, f"unknown field, did you mean '{near}'?"), (*path[:-1], near)
    return Complaint(path, "unknown field", f"known here: {', '.join(sorted(known))}" if known else ""), ()


def _complaint(path: Path, found: Sequence[_Found], model: type[BaseModel], data: JsonValue) -> Complaint:
    """One field's errors as one sentence."""
    if found[0].type == "missing":
        return Complaint(path, "a required field is missing")
    value = _value(data, path)
    shapes = list(dict.fromkeys(_SHAPES[each.type] for each in found if each.type in _SHAPES))
    others = list(
        dict.fromkeys(each.tells.removeprefix("expected ") for each in found if each.type not in _SHAPES)
    )
    reason = " or ".join(shapes + others)
    if shapes or found[0].tells.startswith("expected "):
        reason = f"expected {reason}"
    if found[0].location[-1:] == (_KEY,):
        reason = f"its key: {reason}"
    elif shapes and not others:
        reason += f", not {_IS[type(value)]}"
    chosen = isinstance(value, str) and found[0].type in _CHOICES
    if chosen and (near := nearest(value, _WORDS.findall(reason))) is not None:
        return Complaint(path, f"{reason}, did you mean '{near}'?")
    if value is None and path and ":" in str(path[-1]):
        return Complaint(path, reason, "write a space after the colon")
    return Complaint(path, reason, _instead(shapes, value, keys_at(model, found[0].location)))


def _instead(shapes: Sequence[str], value: JsonValue, keys: Collection[str]) -> str:
    """What to write where the shape is wrong."""
    if "text" in shapes:
        return "quote it" if isinstance(value, int | float) else ""
    return f"known in it: {', '.join(sorted(keys))}" if "a mapping" in shapes and keys else ""


def _value(data: JsonValue, path: Path) -> JsonValue:
    """What stands there, or `_NOTHING`."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step, _NOTHING)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return _NOTHING
    return data
