"""Wishes for any kind, drawn from its own JSON Schema around the wishes of its `cases.yaml`.

Rules: a wish begins as one of the cases' and takes up drawn values for some of its fields; what the
model refuses is left as it was, so that every drawn wish is valid. A field may also take what the cases
say at the same place, since no schema tells a key or a ciphertext from a text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.model import JsonValue, Spec
from reconciler.ports.kind import Kind
from tests.kinds.cases import AnyKind, examples

Path = tuple[str, ...]
Wish = dict[str, Any]
ANY = "*"  # in a path: whatever the key, or the place in a list

LONGEST_NAME = 30
NAMES = r"[a-z][a-z0-9-]{0,5}[a-z0-9]"
ASCII = st.characters(codec="ascii", exclude_categories=["Cc"])
WORDS = st.text("abcxyz019-./ äß", min_size=1, max_size=12)


@dataclass(frozen=True, slots=True)
class Drawn:
    wish: Wish
    spec: Any


def wishes(kind: AnyKind, more: Mapping[Path, Sequence[JsonValue]]) -> st.SearchStrategy[Drawn]:
    """`more` are values for places where those of the cases do not serve."""
    instead = {path[0]: values[0] for path, values in more.items() if len(path) == 1}
    known = [{name: instead.get(name, value) for name, value in wish.items()} for wish in _known(kind)]
    bases = [wish for wish in known if _valid(kind, wish)]
    assert bases, f"{type(kind).__name__}: its cases.yaml has no valid wish to begin with"
    values: dict[Path, list[JsonValue]] = defaultdict(list)
    for wish in known:
        for path, value in _places(wish):
            values[path].append(value)
    schema = kind.spec.model_json_schema(by_alias=True)
    choices = {
        path: _value(field, schema, path, {**values, **more})
        for path, field in _fields(schema)
        if path != ("suspend",) or kind.suspends  # else the engine keeps its hands off, whatever the kind is
    }
    return st.builds(
        lambda base, changes: _changed(kind, base, changes),
        st.sampled_from(bases),
        st.lists(
            st.sampled_from(sorted(choices)).flatmap(lambda path: st.tuples(st.just(path), choices[path])),
            max_size=6,
        ),
    )


def fields(kind: AnyKind) -> frozenset[str]:
    """As they are written."""
    return frozenset(path[0] for path, _ in _fields(kind.spec.model_json_schema(by_alias=True)))


def common_fields() -> frozenset[str]:
    """What every kind has: how the engine takes care of it, and nothing of it."""
    return frozenset(Spec.model_json_schema(by_alias=True)["properties"])


def _known(kind: AnyKind) -> list[Wish]:
    rows = [one.row for one in examples() if type(one.kind) is type(kind)]
    found = [row.want or row.last for row in rows if not row.invalid]
    return [wish for wish in found if wish is not None]


def _valid(kind: Kind[Any, Any, Any, Any], wish: Wish) -> bool:
    try:
        kind.spec.model_validate(wish)
    except ValidationError:
        return False
    return True


def _changed(kind: AnyKind, base: Wish, changes: Sequence[tuple[Path, JsonValue]]) -> Drawn:
    wish = deepcopy(base)
    for path, value in changes:
        tried = deepcopy(wish)
        tried[path[0]] = value
        if _valid(kind, tried):
            wish = tried
    return Drawn(wish, kind.spec.model_validate(wish))


def _places(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    if path:
        yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
            yield from _places(inner, (*path, ANY))
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner, (*path, ANY))


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, field in schema["properties"].items():
        yield (name,), field


def _value(
    field: Mapping[str, Any],
    schema: Mapping[str, Any],
    path: Path,
    values: Mapping[Path, Sequence[JsonValue]],
) -> st.SearchStrategy[JsonValue]:
    drawn = _by_schema(field, schema, path, values)
    seen = values.get(path)
    return st.one_of(st.sampled_from(list(seen)).map(deepcopy), drawn) if seen else drawn


def _by_schema(
    field: Mapping[str, Any],
    schema: Mapping[str, Any],
    path: Path,
    values: Mapping[Path, Sequence[JsonValue]],
) -> st.SearchStrategy[JsonValue]:
    if "$ref" in field:
        field = {**schema["$defs"][field["$ref"].rpartition("/")[2]], **field}
    if named := field.get("enum") or field.get("examples") or ([field["const"]] if "const" in field else ()):
        return st.sampled_from(named)
    choices = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if choices and "properties" not in field:
        return st.one_of([_value(choice, schema, path, values) for choice in choices])
    match field.get("type"):
        case "object":
            return _object(field, schema, path, values)
        case "array":
            items = _value(field.get("items", {}), schema, (*path, ANY), values)
            return st.lists(items, min_size=field.get("minItems", 0), max_size=3)
    return _plain(field)


def _plain(field: Mapping[str, Any]) -> st.SearchStrategy[JsonValue]:
    match field.get("type"):
        case "integer":
            return st.integers(field.get("minimum", 0), field.get("maximum", 100))
        case "number":
            return st.floats(field.get("minimum", 0), field.get("maximum", 100))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    if "pattern" in field:
        return st.from_regex(field["pattern"], fullmatch=True, alphabet=ASCII)
    return WORDS


def _object(
    field: Mapping[str, Any],
    schema: Mapping[str, Any],
    path: Path,
    values: Mapping[Path, Sequence[JsonValue]],
) -> st.SearchStrategy[JsonValue]:
    needed = set(field.get("required", ()))
    parts = {
        name: _value(inner, schema, (*path, name), values)
        for name, inner in field.get("properties", {}).items()
    }
    if parts:
        return st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in needed},
            optional={name: part for name, part in parts.items() if name not in needed},
        )
    rest = (NAMES, field.get("additionalProperties"))
    pattern, inner = next(iter(field.get("patternProperties", {}).items()), rest)
    if not isinstance(inner, Mapping):
        return st.just({})
    names = st.from_regex(pattern, fullmatch=True, alphabet=ASCII).filter(lambda n: len(n) < LONGEST_NAME)
    least = field.get("minProperties", 0)
    return st.dictionaries(names, _value(inner, schema, (*path, ANY), values), min_size=least, max_size=3)
