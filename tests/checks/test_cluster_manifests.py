"""The definitions that are shipped say what an API server takes, and no more is allowed than is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.runtime.plugins import find_kinds
from tests.checks.crds import definition, structural

pytestmark = pytest.mark.req("CORE-07")
MANIFESTS = Path("manifests")
FORBIDDEN = {
    "$ref",
    "$defs",
    "patternProperties",
    "propertyNames",
    "uniqueItems",
    "const",
    "default",
    "title",
}


def schemas(of: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - any schema
    """Each schema within, with where it stands."""
    yield at, of
    for name, inner in of.get("properties", {}).items():
        yield from schemas(inner, f"{at}.{name}")
    for name in ("items", "additionalProperties"):
        if name in of:
            yield from schemas(of[name], f"{at}.{name}")


@pytest.mark.parametrize(("name", "kind"), sorted(find_kinds().items()), ids=lambda one: str(one)[:20])
def test_every_kinds_schema_is_structural(name: str, kind: Any) -> None:  # noqa: ANN401 - of whatever spec
    [version] = definition(name, kind)["spec"]["versions"]
    for place, schema in schemas(version["schema"]["openAPIV3Schema"]):
        assert not FORBIDDEN & schema.keys(), place
        assert "type" in schema or schema.get("x-kubernetes-preserve-unknown-fields"), place
        assert not {"properties", "additionalProperties"} <= schema.keys(), place
        for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            assert not {"type", "description", "properties", "nullable"} & choice.keys(), place


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [{"type": "string"}, {"type": "object"}], "description": "d"},
            {"description": "d", "x-kubernetes-preserve-unknown-fields": True},
        ),
        (
            {"anyOf": [{"enum": ["a"]}, {"type": "string", "pattern": "b"}]},
            {"type": "string", "anyOf": [{"enum": ["a"]}, {"pattern": "b"}]},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 0},
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        ),
        ({"type": "string", "const": "x"}, {"type": "string", "enum": ["x"]}),
        (
            {"type": "object", "patternProperties": {"^a$": {"type": "string"}}, "propertyNames": {}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        (
            {"type": "object", "additionalProperties": True},
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        ),
        (
            {"$ref": "#/$defs/A", "description": "here"},
            {"type": "array", "description": "here", "items": {"type": "integer"}},
        ),
    ],
)
def test_each_form_is_told_as_a_server_wants_it(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    definitions = {"A": {"type": "array", "items": {"type": "integer"}, "description": "there"}}
    assert structural(schema, definitions) == expected


def test_the_operator_may_do_no_more_than_it_does() -> None:
    documents = list(yaml.safe_load_all((MANIFESTS / "rbac.yaml").read_text()))
    roles = [one for one in documents if one["kind"] in {"Role", "ClusterRole"}]
    allowed = {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not any("*" in one for one in allowed)
    assert {group for group, _, _ in allowed} == {"", "coordination.k8s.io", "holdfast.dev"}
    assert {one for one in allowed if not one[0]} == {("", "events", "create")}
    assert not any(
        verb in {"delete", "create", "update"} for group, _, verb in allowed if group == "holdfast.dev"
    )


def test_all_that_is_generated_is_listed_to_be_applied() -> None:
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    there = {str(path.relative_to(MANIFESTS)) for path in MANIFESTS.rglob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there
