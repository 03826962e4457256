"""JSON Schemas of manifests, for editors: a kind's `spec` from its model, within the frame that all share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from reconciler.docstrings import describe
from reconciler.model import API_VERSION
from reconciler.ports.kind import Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "description": "The identity of the resource.",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "description": "Unique among the resources of its kind and namespace."},
        "namespace": {"type": "string", "default": "default", "description": "Keeps names apart."},
        "labels": {**STRINGS, "description": "What commands and selectors choose by."},
        "annotations": {**STRINGS, "description": "Notes for tools; `holdfast.dev/…` are Holdfast's own."},
    },
}


def manifest(name: str, kind: Kind[Any, Any, Any, Any]) -> dict[str, Any]:
    """The schema of one kind's manifest."""
    describe(kind.spec)
    spec = kind.spec.model_json_schema(by_alias=True, mode="validation")
    definitions = spec.pop("$defs", {})
    for model in _models(kind.spec):
        _write_defaults(model, spec if model is kind.spec else definitions.get(model.__name__, {}))
    return {
        "$schema": DIALECT,
        "title": name,
        "description": spec.get("description", ""),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", *(["spec"] if spec.get("required") else [])],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": name},
            "metadata": METADATA,
            "spec": spec,
        },
        **({"$defs": definitions} if definitions else {}),
    }


def any_manifest(of_kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of a manifest of any kind: the one to give to an editor for a whole folder."""
    return {
        "$schema": DIALECT,
        "title": "A Holdfast manifest",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(of_kinds), "description": "What is declared."}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"{name.lower()}.json"},
            }
            for name in of_kinds
        ],
    }


def text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _models(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that are nested in it."""
    yield of
    for field in of.model_fields.values():
        for inner in _within(field.annotation):
            yield from _models(inner)


def _within(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _within(argument)


def _write_defaults(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Put each default as people write it, `10s`: pydantic's schema has Python's own idea, `PT10S`."""
    written = model.model_construct().model_dump(mode="json", by_alias=True, warnings=False)
    for name, field in schema.get("properties", {}).items():
        if "default" in field:
            field["default"] = written[name]
