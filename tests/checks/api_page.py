"""The generated reference page of the HTTP API: what its OpenAPI document says, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from tests.checks.tables import NOTE, table, value

Json = Mapping[str, Any]


def page(document: Json) -> str:
    operations = [
        (operation["tags"][0], method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    parts = {tag["name"]: tag["description"] for tag in document["tags"]}
    lines = [NOTE, "# The HTTP API\n", f"{document['info']['description']}\n", READ_ON]
    for tag, found in groupby(sorted(operations, key=lambda one: one[0]), key=lambda one: one[0]):
        lines.append(f"## {parts[tag]}\n")
        for _, method, path, operation in found:
            lines += _operation(method, path, operation, document["components"]["parameters"])
    lines.append("## Shapes\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += [f"### {name}\n", f"{schema['description']}\n", *_members(schema), ""]
    return "\n".join(lines)


READ_ON = """\
For programs the same stands in [`schemas/openapi.json`](../../schemas/openapi.json), and every node serves
its own at `/api/v1/openapi.json` and `/api/v1/openapi.yaml`, and as a page that tries calls at `/api-docs`.
Codes of errors: [Errors](errors.md).

```
curl --unix-socket "$HOLDFAST_DATA/holdfast.sock" http://holdfast/api/v1/status
curl http://127.0.0.1:8081/api/v1/resources?kind=service
```
"""


def _operation(method: str, path: str, operation: Json, shared: Json) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield f"{operation['summary']}. {operation['description']}".rstrip() + "\n"
    parameters = [
        shared[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
        for one in operation.get("parameters", ())
    ]
    if parameters:
        rows = [(f"`{one['name']}`", one["in"], *_parameter(one), one["description"]) for one in parameters]
        yield from table(("parameter", "in", "type", "default", "what it says"), rows)
        yield ""
    if body := operation.get("requestBody"):
        yield "Body: " + ", or ".join(_content(body["content"])) + ".\n"
    good = {status: one for status, one in operation["responses"].items() if not _is_problem(one)}
    yield from table(("answer", "when", "what"), list(_answers(good)))
    problems = ", ".join(status for status in operation["responses"] if status not in {*good, "default"})
    yield f"\nProblems: {problems}, and those that any request can meet.\n"


def _resolved(one: Json, shared: Json) -> Json:
    return shared[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one


def _parameter(one: Json) -> tuple[str, str]:
    default = "required" if one["required"] else value(one["schema"].get("default"))
    return _type(one["schema"]), default


def _answers(responses: Json) -> Iterator[tuple[str, str, str]]:
    for status, answer in sorted(responses.items()):
        yield status, answer["description"], ", ".join(_content(answer.get("content", {})))


def _is_problem(answer: Json) -> bool:
    return "$ref" in answer or "application/problem+json" in answer.get("content", {})


def _content(content: Json) -> Iterator[str]:
    for media_type, one in content.items():
        told = one["schema"].get("description", "") if media_type != "application/json" else ""
        yield f"`{media_type}`" + (f" ({told.rstrip('.')})" if told else f" {_type(one['schema'])}")


def _members(schema: Json) -> Iterator[str]:
    rows = [
        (
            f"`{name}`" + ("" if name in schema["required"] else " (may be left out)"),
            _type(field),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]
    yield from table(("member", "type", "what it says"), rows)


def _type(schema: Json) -> str:
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if choices:
        return " or ".join(map(_type, choices))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(values := schema.get("additionalProperties"), Mapping) and values:
        return f"map of {_type(values)}"
    return str(schema.get("type", "any"))
