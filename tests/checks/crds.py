"""Custom resource definitions: the schema of a kind in the narrower form that an API server takes.

Rules: an API server wants the structure without a doubt: no references, a type everywhere, no keys told by
pattern, and of several shapes none. What it cannot be told is left to our own check, which sees every
resource anyway. Defaults are left out: they would be written into each resource, and a later default would
never come true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import API_GROUP
from reconciler.ports.kind import Kind
from reconciler.sources.cluster.objects import plural
from tests.checks.schemas import manifest

Schema = dict[str, Any]
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
KEPT = (
    "description",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
)
WITHIN = (
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "required",
)  # a choice: checks alone

TEXT = {"type": "string"}
CONDITION = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": {**TEXT, "description": "Ready, Reconciling or Stalled."},
        "status": {**TEXT, "enum": ["True", "False", "Unknown"], "description": "Whether it is so."},
        "reason": {**TEXT, "description": "Why, in one word."},
        "message": {**TEXT, "description": "Why, for a person."},
        "lastTransitionTime": {**TEXT, "format": "date-time", "description": "Since when."},
        "observedGeneration": {"type": "integer", "format": "int64", "description": "What it is about."},
    },
}
STATUS = {
    "type": "object",
    "description": "How it stands; written by the operator.",
    "properties": {
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "The generation of the spec that the conditions are about.",
        },
        "conditions": {
            "type": "array",
            "description": "As kstatus has them.",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
            "items": CONDITION,
        },
        "columns": {"type": "object", "description": "What lists show.", "additionalProperties": TEXT},
        "waitsFor": {"type": "array", "description": "What must come first.", "items": TEXT},
        "lastError": {**TEXT, "description": "Why the last act failed."},
    },
}


def definition(name: str, kind: Kind[Any, Any, Any, Any]) -> Schema:
    """The CustomResourceDefinition of one kind."""
    of_kind = manifest(name, kind)
    spec = structural(of_kind["properties"]["spec"], of_kind.get("$defs", {}))
    many = plural(name)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{many}.{API_GROUP}"},
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": many,
                "singular": name.lower(),
                # A cluster has secrets and services of its own.
                "shortNames": [f"hf{name.lower()}"],
                "categories": ["holdfast"],
            },
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(kind),
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": of_kind["description"],
                            **({"required": ["spec"]} if "spec" in of_kind["required"] else {}),
                            "properties": {
                                "apiVersion": TEXT,
                                "kind": TEXT,
                                "metadata": {"type": "object"},
                                "spec": spec,
                                "status": STATUS,
                            },
                        }
                    },
                }
            ],
        },
    }


def structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """The same fields, told as an API server wants them told."""
    schema = _resolved(schema, definitions)
    choices = [_resolved(one, definitions) for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()))]
    shapes = [one for one in choices if one.get("type") != "null"]
    if "type" not in schema and len(shapes) == 1:
        only = structural({**shapes[0], **_words(schema)}, definitions)
        return {**only, "nullable": True} if len(shapes) < len(choices) else only
    kind = schema.get("type") or _common_type(shapes)
    if kind is None:
        return {**_words(schema), **ANYTHING}
    found: Schema = {"type": kind, **{key: schema[key] for key in KEPT if key in schema}}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    for bound, word in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in schema:
            found |= {word: schema[bound], bound: True}
    if shapes:
        found["anyOf" if "anyOf" in schema else "oneOf"] = [
            {key: one[key] for key in WITHIN if key in one} for one in shapes
        ]
    if kind == "object":
        found |= _object(schema, definitions)
    if kind == "array":
        found["items"] = structural(schema.get("items", {}), definitions)
    return found


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Either fields by their names, or values of one shape under any key."""
    if fields := schema.get("properties"):
        required = {"required": schema["required"]} if schema.get("required") else {}
        return {**required, "properties": {key: structural(one, definitions) for key, one in fields.items()}}
    values = list(schema.get("patternProperties", {}).values()) or [schema.get("additionalProperties")]
    if len(values) == 1 and isinstance(values[0], Mapping) and values[0]:
        return {"additionalProperties": structural(values[0], definitions)}
    return ANYTHING


def _words(schema: Mapping[str, Any]) -> Schema:
    return {"description": schema["description"]} if "description" in schema else {}


def _common_type(shapes: Sequence[Mapping[str, Any]]) -> str | None:
    """The type of all of them, where they differ in nothing but in what they check."""
    types = {_type(one) for one in shapes}
    kind = types.pop() if len(types) == 1 else None
    return kind if kind in {"string", "integer", "number", "boolean"} else None


def _type(schema: Mapping[str, Any]) -> str | None:
    """An enum of words is text, though it need not say so."""
    if "type" not in schema and all(isinstance(one, str) for one in schema.get("enum", [None])):
        return "string"
    kind: str | None = schema.get("type")
    return kind


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to, under the words that stand beside the reference."""
    while "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **beside}
    return schema


def _columns(kind: Kind[Any, Any, Any, Any]) -> list[Schema]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        {"name": "Ready", "type": "string", "jsonPath": f"{ready}.status"},
        {"name": "Reason", "type": "string", "jsonPath": f"{ready}.reason"},
        *(
            {"name": name.capitalize(), "type": "string", "jsonPath": f".status.columns.{name}"}
            for name in kind.columns
        ),
        {"name": "Message", "type": "string", "jsonPath": f"{ready}.message", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
