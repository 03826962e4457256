"""The documentation of kinds and their fields, from the models that read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.cli.tables import aligned
from reconciler.docstrings import describe
from reconciler.errors import Invalid
from reconciler.ports.kinds import Kinds
from reconciler.spelling import nearest

if TYPE_CHECKING:
    from reconciler.cli.results import FieldResult, KindResult, MemberResult

NO_DEFAULT: tuple[object, ...] = (None, "", [], {})


def every_kind(kinds: Kinds) -> list[KindResult]:
    kinds.load()  # what cannot be loaded is no kind
    models = ((name, kinds[name].spec.model_json_schema()) for name in sorted(kinds))
    return [{"name": name, "description": _first(schema).rstrip(".")} for name, schema in models]


def document(path: str, kinds: Kinds) -> FieldResult:
    """`service`, `service.spec.health`, `service.health.http`: `spec` may be left out.

    In a mapping a name may stand or not: `servicegroup.services.web.health`, `servicegroup.services.health`.
    """
    kind, *names = path.split(".")
    canonical = kinds.canonical(kind)
    model = kinds[canonical].spec
    describe(model)
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    here, walked = schema, canonical
    for name in names[1:] if names[:1] == ["spec"] else names:
        here = _inside(_resolved(here, definitions), name, walked, definitions)
        walked = f"{walked}.{name}"
    return _field(walked, here, definitions)


def lines(field: FieldResult) -> Iterator[str]:
    """For people."""
    default = field["default"]
    yield f"{field['path']}: {field['type']}" + (f" (default {default})" if default not in NO_DEFAULT else "")
    if field["description"]:
        yield ""
        yield from (f"  {line}" for line in field["description"].splitlines())
    if field["fields"]:
        yield ""
        yield from aligned(
            [
                [
                    f"  {one['name']}",
                    one["type"] + (", required" if one["required"] else ""),
                    one["description"],
                ]
                for one in field["fields"]
            ]
        )


def _inside(schema: dict[str, Any], name: str, walked: str, definitions: dict[str, Any]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    if name in fields:
        return dict(fields[name])
    if (values := _values(schema)) and not fields:  # a mapping or a list: what is in it
        held = _resolved(values, definitions)
        if "items" in schema or nearest(name, held.get("properties", {})):
            return _inside(held, name, walked, definitions)
        return values  # the name of one of them
    near = nearest(name, fields)
    hint = f"did you mean '{near}'?" if near else f"it has {', '.join(fields) or 'no fields'}"
    raise Invalid(f"{walked} has no field '{name}', {hint}")


def _values(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a mapping or a list what is in it, if that is told."""
    patterns: dict[str, Any] = schema.get("patternProperties", {})  # its names have a form
    values = schema.get("additionalProperties") or schema.get("items") or next(iter(patterns.values()), None)
    return values if isinstance(values, dict) else {}


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference stands for; of alternatives, the one with fields."""
    if "$ref" in schema:
        return {
            **definitions[schema["$ref"].rpartition("/")[2]],
            **{k: v for k, v in schema.items() if k != "$ref"},
        }
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return {**_resolved(one, definitions), **{k: v for k, v in schema.items() if k != "anyOf"}}
    return schema


def _field(path: str, schema: dict[str, Any], definitions: dict[str, Any]) -> FieldResult:
    here = _resolved(schema, definitions)
    fields = here.get("properties")
    if not fields and (values := _values(here)):
        fields = _resolved(values, definitions).get("properties")
    required = here.get("required", ())
    members: list[MemberResult] = [
        {"name": n, "type": _type(f, definitions), "required": n in required, "description": _first(f)}
        for n, f in (fields or {}).items()
    ]
    return {
        "path": path,
        "type": _type(schema, definitions),
        "default": schema.get("default"),
        "description": str(here.get("description", "")),
        "fields": members,
    }


def _first(schema: dict[str, Any]) -> str:
    return str(schema.get("description", "")).replace("\n", " ").partition(". ")[0]


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in (here := _resolved(schema, definitions)):
        return " | ".join(map(str, here["enum"]))
    name = str(here.get("type", "anything"))
    if name == "array":
        return f"list of {_type(here.get('items', {}), definitions)}"
    if name == "object" and (values := _values(here)):
        return f"mapping to {_type(values, definitions)}"
    return {"object": "mapping", "string": "text", "integer": "whole number", "boolean": "true | false"}.get(
        name, name
    )
