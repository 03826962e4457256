"""The reference page of a kind: what it is, and every field of its spec, from its JSON Schema."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from reconciler.docstrings import describe
from reconciler.model import Spec
from reconciler.ports.kind import Kind
from tests.checks.tables import NOTE, table, value
from tests.kinds.cases import examples

Schema = Mapping[str, Any]
HEADS = ("field", "type", "default", "what it says")


def page(name: str, kind: Kind[Any, Any, Any, Any], schema: Schema) -> str:
    """One kind: what it is, and every field of its spec."""
    describe(Spec)
    common = set(Spec.model_json_schema(by_alias=True)["properties"])
    spec = schema["properties"]["spec"]
    own = {field: value for field, value in spec["properties"].items() if field not in common}
    shared = {field: value for field, value in spec["properties"].items() if field in common}
    required = spec.get("required", [])
    definitions = schema.get("$defs", {})
    return "\n".join(
        [
            NOTE,
            f"# {name}\n",
            f"{inspect.cleandoc(spec.get('description', '') or kind.__doc__ or '')}\n",
            f"JSON Schema: [`schemas/{name.lower()}.json`](../../../schemas/{name.lower()}.json)\n",
            "## Fields of `spec`\n",
            *table(HEADS, _fields(own, required, definitions)),
            "\n## Fields that every kind has\n",
            *table(HEADS, _fields(shared, (), definitions)),
            *_examples(name, kind),
            "",
        ]
    )


def _examples(name: str, kind: Kind[Any, Any, Any, Any]) -> Iterator[str]:
    """What is wished in the rows of its cases that ask for something, each wish once."""
    shown: list[object] = []
    for example in examples():
        row = example.row
        if type(example.kind) is not type(kind) or row.want is None or row.invalid or row.want in shown:
            continue
        if not shown:
            yield "\n## Examples"
        shown.append(row.want)
        yield f"\n{row.name[0].upper()}{row.name[1:]}:\n"
        yield "```yaml"
        yield f"kind: {name}"
        yield yaml.safe_dump({"spec": row.want}, sort_keys=False, default_flow_style=None, width=100).rstrip()
        yield "```"


def _fields(
    properties: Schema, required: Sequence[str], definitions: Schema, path: str = ""
) -> Iterator[tuple[str, ...]]:
    """A row for each field, what is nested under it included."""
    for name, field in properties.items():
        here = f"{path}{name}"
        default = "required" if name in required else value(field.get("default"))
        yield f"`{here}`", _type(field, definitions), default, field.get("description", "")
        for inner, suffix in _nested(field, definitions):
            yield from _fields(
                inner["properties"], inner.get("required", ()), definitions, f"{here}{suffix}."
            )


def _nested(field: Schema, definitions: Schema) -> Iterator[tuple[Schema, str]]:
    """The objects within a field, and how a path goes on into them."""
    field = _resolved(field, definitions)
    if "properties" in field:
        yield field, ""
    for choice in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _nested(choice, definitions)
    if isinstance(items := field.get("items"), Mapping):
        yield from ((inner, f"[]{suffix}") for inner, suffix in _nested(items, definitions))
    if values := _values(field):
        yield from ((inner, f".NAME{suffix}") for inner, suffix in _nested(values, definitions))


def _type(field: Schema, definitions: Schema) -> str:
    field = _resolved(field, definitions)
    choices = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if choices:
        return " or ".join(_type(c, definitions) for c in choices if c.get("type") != "null")
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), definitions)}"
    if values := _values(field):
        return f"map of {_type(values, definitions)}"
    return str(field.get("type", "any"))


def _values(field: Schema) -> Schema:
    """What a map holds, if that is told: under names that have a form, or under any."""
    patterns: Schema = field.get("patternProperties", {})
    values = field.get("additionalProperties") or next(iter(patterns.values()), None)
    return values if isinstance(values, Mapping) else {}


def _resolved(field: Schema, definitions: Schema) -> Schema:
    reference = field.get("$ref")
    return {**definitions[reference.rsplit("/", 1)[1]], **field} if reference else field
