"""Settled and seen, field by field, become changes. Pure.

Rules: both sides are of one dataclass type; a field says by its metadata whether a difference in it
forces a recreate (`recreates`) or must be masked (`secret`); mappings are compared key by key,
everything else as a whole. The path `()` stands for the whole thing: made, or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.model import Change, JsonValue

MASK = "***"


class _Field(NamedTuple):
    name: str
    recreates: bool
    secret: bool


@lru_cache(maxsize=256)
def _fields(of: type[Any]) -> tuple[_Field, ...]:
    return tuple(
        _Field(f.name, bool(f.metadata.get("recreates")), bool(f.metadata.get("secret")))
        for f in fields(of)
        if f.compare
    )


def diff(settled: object, actual: object) -> tuple[Change, ...]:
    """The changes that would turn `actual` into `settled`; none when they are equal."""
    if settled == actual:
        return ()
    if settled is None or actual is None:
        return (Change((), plain(actual), plain(settled)),)
    return tuple(_differences(settled, actual, (), recreates=False, secret=False))


def _differences(
    want: object, seen: object, path: tuple[str, ...], *, recreates: bool, secret: bool
) -> Iterator[Change]:
    if want == seen:
        return
    if is_dataclass(want) and type(want) is type(seen):
        for field in _fields(want.__class__):
            yield from _differences(
                getattr(want, field.name),
                getattr(seen, field.name),
                (*path, field.name),
                recreates=recreates or field.recreates,
                secret=secret or field.secret,
            )
    elif isinstance(want, Mapping) and isinstance(seen, Mapping):
        for key in sorted({*want, *seen}, key=str):
            yield from _differences(
                want.get(key), seen.get(key), (*path, str(key)), recreates=recreates, secret=secret
            )
    elif secret:
        yield Change(path, _masked(seen), _masked(want), recreates, secret=True)
    else:
        yield Change(path, plain(seen), plain(want), recreates)


def _masked(value: object) -> JsonValue:
    """Nothing hides in what is empty by its kind; an empty text may be the secret itself."""
    if value is None or (isinstance(value, (Mapping, tuple, list)) and not value):
        return plain(value)
    return MASK


def plain(value: object) -> JsonValue:
    """The value as JSON would hold it, fields that are secret masked."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _masked(getattr(value, field.name))
            if field.secret
            else plain(getattr(value, field.name))
            for field in _fields(type(value))
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
