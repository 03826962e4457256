"""The OpenAPI document says what is so: every route is in it, and every answer is what it promises."""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator
from litestar.routes import HTTPRoute

from api.app import build
from api.described_problems import MEANINGS, name_of
from api.errors import STATUS
from api.openapi import document
from api.stream import Closing
from reconciler.settings import Api
from tests.api.nodes import Running, api_key, key, running, secret

DOCUMENT: dict[str, Any] = document()
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
SERVICE = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: web}
spec: {command: [sh, -c, "echo hello; exec sleep 1000"]}
"""
NARROW = secret("n")
CI = {"name": "ci"}
WEB = {"kind": "service", "namespace": "default", "name": "web"}
CAROL = {"kind": "key", "namespace": "default", "name": "carol"}
BOB = {"kind": "key", "namespace": "default", "name": "bob"}
ROOT = {"name": "root"}
APPLIED = {"manifests": {"a.yaml": key("carol")}}
CLASHING = {"manifests": {"a.yaml": key("bob").replace("creator", "maintainer")}}
STOPS = ("daemon_shutdown", "daemon_daemon_shutdown")
NO_ANSWER_HERE = {
    "default",
    "503",
    "101",
    "304",
    "429",
}  # a node that does not work, a WebSocket, what changes all the time, limits: see the tests of each

CALLS: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("auth_create", {}, {"json": {"name": "ci", "permissions": ["read"]}}),
    ("auth_create", {}, {"json": {"name": "ci", "permissions": ["read"]}}),
    ("auth_every", {}, {}),
    ("auth_one", CI, {}),
    ("auth_change", CI, {"json": {"permissions": ["read"]}, "headers": {"If-Match": 'W/"other"'}}),
    ("auth_amend", CI, {"json": {"permissions": ["read"]}, "headers": {"If-Match": 'W/"other"'}}),
    ("auth_rotate", CI, {"headers": {"If-Match": 'W/"other"'}}),
    ("auth_revoke", CI, {"headers": {"If-Match": 'W/"other"'}}),
    ("auth_change", CI, {"json": {"permissions": ["read", "services:write"]}}),
    ("auth_amend", CI, {"json": {"name": "CI"}}),
    ("auth_amend", {"name": "narrow"}, {"json": {"enabled": False}}),
    ("auth_change", {"name": "narrow"}, {"json": {"enabled": False}}),
    ("auth_rotate", CI, {"json": {"grace_seconds": 60}}),
    ("auth_rotate", {"name": "narrow"}, {}),
    ("auth_revoke", {"name": "narrow"}, {}),
    ("auth_revoke", CI, {}),
    ("audit_trail", {}, {"params": {"action": "operation.*", "actor": "nobody"}}),
    ("changes_diff", {}, {"json": APPLIED}),
    ("changes_apply", {}, {"json": APPLIED, "params": {"dryRun": "true"}}),
    ("changes_apply", {}, {"json": APPLIED}),
    ("changes_apply", {}, {"json": CLASHING}),
    ("changes_apply", {}, {"content": key("carol"), "headers": {"Content-Type": "application/yaml"}}),
    ("changes_reconcile", {}, {}),
    ("changes_reconcile", {}, {"json": {"refs": ["key/bob"]}}),
    ("overrides_add", {}, {"json": {"ref": "key/bob", "patch": {"suspend": True}, "for": "1h"}}),
    ("metrics_services", {}, {}),
    ("metrics_services", {}, {"params": {"limit": "1", "name": "web"}}),
    ("metrics_service", {"name": "web"}, {"params": {"since": "2026-01-01T00:00:00Z"}}),
    ("performance_metrics", {}, {}),
    ("performance_optimizations", {}, {}),
    ("prometheus_metrics", {}, {}),
    ("overrides_every", {}, {}),
    ("resources_one", BOB, {}),
    ("overrides_one", BOB, {}),
    ("overrides_end", BOB, {"headers": {"If-Match": 'W/"other"'}}),
    ("overrides_end", BOB, {}),
    ("daemon_status", {}, {}),
    ("daemon_daemon_status", {}, {}),
    ("daemon_stats", {}, {}),
    ("daemon_daemon_stats", {}, {}),
    ("description_openapi", {}, {}),
    ("description_openapi_yaml", {}, {}),
    ("description_asyncapi", {}, {}),
    ("explorer_page", {}, {}),
    ("explorer_script", {"name": "page.js"}, {}),
    ("explorer_style", {"name": "swagger-ui.css"}, {}),
    ("events_history", {}, {"params": {"limit": "50"}}),
    ("graph_graph", {}, {}),
    ("health_health", {}, {}),
    ("health_daemon_health", {}, {}),
    ("health_health_full", {}, {}),
    ("system_system_health", {}, {}),
    ("system_system_metrics", {}, {}),
    ("hooks_hook", ROOT, {"headers": {"X-Gitlab-Token": "hook"}}),
    ("kinds_kinds", {}, {}),
    ("logs_logs", WEB, {}),
    ("logs_logs", WEB, {"headers": {"Accept": "text/event-stream"}}),
    ("resources_pages", {}, {"params": {"per_page": "2"}}),
    ("resources_stretch", {}, {"params": {"limit": "2"}}),
    ("resources_stretch", {}, {}),
    ("resources_statuses", {}, {"params": {"limit": "2"}}),
    ("resources_statuses", {}, {}),
    ("resources_one", WEB, {}),
    ("resources_plans", WEB, {}),
    ("resources_causes", WEB, {}),
    ("sources_every", {}, {}),
    ("sources_git", {}, {}),
    ("sources_one", ROOT, {}),
    ("sources_revisions", ROOT, {}),
    ("sources_push", ROOT, {}),
    ("sources_rollback", ROOT, {"json": {"reason": "as it was"}}),
    ("status_node", {}, {}),
    ("status_one", WEB, {}),
    ("changes_delete", {}, {"json": {"refs": ["key/bob"]}}),
    ("resources_remove", BOB, {}),
    ("resources_remove", CAROL, {"headers": {"If-Match": 'W/"other"'}}),
    ("resources_remove", CAROL, {}),
    ("changes_apply", {}, {"json": APPLIED}),
    ("changes_delete", {}, {"json": {"refs": ["key/carol"]}}),
]  # fmt: skip


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """All that it takes, those included that many share."""
    shared = DOCUMENT["components"]["parameters"]
    return [
        shared[one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
        for one in operation.get("parameters", ())
    ]


def strict() -> dict[str, Any]:
    """The shapes, with nothing in them but what they name: an answer's every member is described."""
    found: dict[str, Any] = copy.deepcopy(DOCUMENT["components"])
    for schema in found["schemas"].values():
        schema["additionalProperties"] = False
    return found


STRICT = strict()


def conforms(value: object, schema: dict[str, Any]) -> None:
    faults = [
        f"{fault.json_path}: {fault.message}"
        for fault in Draft202012Validator({**schema, "components": STRICT}).iter_errors(value)
    ]
    assert not faults, faults


def promised(name: str, answer: httpx.Response) -> str:
    """Hold an answer against what its operation says of it; the status that it is documented under."""
    responses = OPERATIONS[name][2]["responses"]
    status = str(answer.status_code) if str(answer.status_code) in responses else "default"
    told = responses[status]
    if "$ref" in told:
        told = DOCUMENT["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    content = told.get("content", {})
    if not content:
        assert answer.content == b""
        return status
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content, (name, answer.status_code, media_type)
    if media_type.endswith("json") and media_type != "application/x-ndjson":
        conforms(answer.json(), content[media_type]["schema"])
    return status


def target(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "nothing"), path)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Running]:
    manifests = "---\n".join((key("release"), key("bob"), SERVICE, api_key("narrow", NARROW, "dht:read")))
    secret = tmp_path / "secret"
    secret.write_text("hook")
    async with running(manifests, api__max_body_bytes=1_000_000, api__hook_secret_file=str(secret)) as found:
        await found.ready("key/release", "key/bob", "service/web", "source/root")
        yield found
        found.node.ends_services = True


def routes() -> Iterator[tuple[str, str]]:
    for route in build(None, Api(), Closing()).routes:
        if isinstance(route, HTTPRoute):
            yield from ((route.path_format, method.lower()) for method in route.methods - {"OPTIONS"})


@pytest.mark.req("CORE-10")
def test_every_route_is_in_it_and_nothing_else() -> None:
    described = {(path, method) for method, path, _ in OPERATIONS.values()}
    assert described == set(routes())
    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())


def test_it_is_whole() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = DOCUMENT
        for step in reference.split("/"):
            found = found[step]
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"] is not None, name
        assert all(parameter["description"] for parameter in parameters(operation)), name
        assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}, name


@pytest.mark.req("DOC-01", "DOC-02", "DOC-03")
def test_each_shape_has_an_example_and_each_is_what_it_is_an_example_of() -> None:
    for name, schema in STRICT["schemas"].items():
        [example] = schema["examples"]
        conforms(example, {"$ref": f"#/components/schemas/{name}"})


@pytest.mark.req("DOC-03", "DOC-08", "X-10", "X-11")
def test_each_code_has_its_shared_answer_with_a_sample() -> None:
    assert MEANINGS.keys() == STATUS.keys()
    assert "INTERNAL_SERVER_ERROR" in STATUS
    for code, status in STATUS.items():
        [told] = DOCUMENT["components"]["responses"][name_of(code)]["content"].values()
        conforms(told["example"], told["schema"])
        assert (told["example"]["code"], told["example"]["status"]) == (code, status)
        assert f"| `{code}` | {status} |" in Path("docs/reference/errors.md").read_text()


@pytest.mark.req("DOC-02")
def test_it_says_what_it_is_where_it_is_and_whom_to_ask() -> None:
    info = DOCUMENT["info"]
    assert (info["title"], info["contact"]["name"]) == ("Holdfast", "API Support")
    assert "@" in info["contact"]["email"]
    assert [server["description"].partition(":")[0] for server in DOCUMENT["servers"][1:]] == [
        "Production",
        "Development",
    ]
    assert {"page", "limit"} <= DOCUMENT["components"]["parameters"].keys()
    answers = DOCUMENT["components"]["responses"]
    assert {"Unauthorized", "NotFound", "TooManyRequests"} <= answers.keys()
    assert {"RateLimit", "X-RateLimit-Limit", "Retry-After"} <= answers["TooManyRequests"]["headers"].keys()
    for name, (_, _, operation) in OPERATIONS.items():
        free = operation["operationId"].startswith("health")
        assert free or "429" in operation["responses"], name


@pytest.mark.req("DOC-27", "X-28")
async def test_json_and_yaml_are_one_model(node: Running) -> None:
    told = await node.public.get("/api/v1/openapi.yaml")
    assert yaml.safe_load(told.content) == (await node.public.get("/api/v1/openapi.json")).json() == DOCUMENT
    kept = Path("schemas")
    assert told.content == (kept / "openapi.yaml").read_bytes()
    assert json.loads((kept / "openapi.json").read_text()) == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")


REFUSALS: dict[str, dict[str, Any]] = {
    "400": {"params": {"nonsense": "1"}},
    "401": {"headers": {"X-API-Key": "sk-wrong"}},
    "403": {"headers": {"X-API-Key": NARROW}},
    "404": {},
    "413": {"content": b"x" * (26 << 20), "headers": {"Content-Type": "application/json"}},
    "415": {"content": b"x", "headers": {"Content-Type": "text/plain"}},
    "426": {},
}
FOREIGN: dict[str, Any] = {
    "events_talk": {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": "https://elsewhere.example",
    }
}
NOBODY: dict[str, Any] = {
    "changes_reconcile": {"refs": ["key/nobody"]},
    "changes_delete": {"refs": ["key/nobody"]},
    "overrides_add": {"ref": "key/nobody", "patch": {"suspend": True}},
}


async def refused(node: Running, name: str, status: str) -> httpx.Response:
    """Ask in the way that gets this refusal, whatever the operation is."""
    method, path, _ = OPERATIONS[name]
    if name == "tokens_refresh" and status == "401":
        return await node.public.post(path, json={"refresh_token": "a.b.c"})
    over_tcp = node.public if path.startswith("/api") else node.internal
    client = over_tcp if status in {"401", "403"} else node.socket
    asked = {"json": NOBODY[name]} if status == "404" and name in NOBODY else REFUSALS[status]
    if status == "403" and name == "changes_diff":
        asked = asked | {"json": APPLIED}
    if status == "403" and name in FOREIGN:
        asked = {"headers": FOREIGN[name]}
    values = {"kind": "key"} if status == "404" else BOB
    return await client.request(method.upper(), target(path, values), **asked)


async def told_by_tokens(node: Running) -> AsyncIterator[tuple[str, httpx.Response]]:
    """What a key is exchanged for, renewed and ended, over TCP; each tried dry before."""
    key, pair = {"X-API-Key": NARROW}, dict[str, str]()
    for name in ("tokens_token", "tokens_refresh", "tokens_me", "tokens_jwks", "tokens_logout"):
        method, path, operation = OPERATIONS[name]
        headers = {"Authorization": f"Bearer {pair['access_token']}"} if pair else key
        body = {"refresh_token": pair["refresh_token"]} if "requestBody" in operation else None
        for params in ({"dryRun": "true"}, {}) if method == "post" else ({},):
            answer = await node.public.request(method, path, headers=headers, json=body, params=params)
            if not params and name in {"tokens_token", "tokens_refresh"}:
                pair = answer.json()
            yield name, answer


@pytest.mark.req("CORE-10", "ERR-01", "ERR-07", "ERR-11", "ERR-12", "ERR-17", "ERR-22")
async def test_every_answer_is_what_the_document_promises(node: Running) -> None:
    """Each operation as it is meant, and each that it refuses by every error that it documents."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for name, (_, _, operation) in OPERATIONS.items():
        for status in operation["responses"].keys() & REFUSALS.keys():
            answer = await refused(node, name, status)
            assert str(answer.status_code) == status, (name, status, answer.text)
            seen[name].add(promised(name, answer))
    async for name, answer in told_by_tokens(node):
        seen[name].add(promised(name, answer))
    async with node.socket.stream("GET", "/api/v1/events") as live:
        seen["events_live"].add("200")
        assert live.headers["content-type"].partition(";")[0] == "text/event-stream"
    Path(node.source, "all.yaml").write_text(
        "---\n".join((key("release"), key("bob"), SERVICE, api_key("narrow", NARROW, "dht:read"), key("eve")))
    )
    await node.ready("key/eve")
    for name, values, asked in CALLS:
        method, path, operation = OPERATIONS[name]
        if any(one["name"] == "dryRun" for one in parameters(operation)):
            tried = {**asked, "params": {**asked.get("params", {}), "dryRun": "true"}}
            dry = await node.socket.request(method.upper(), target(path, values), **tried)
            seen[name].add(promised(name, dry))
        answer = await node.socket.request(method.upper(), target(path, values), **asked)
        assert answer.status_code < 500, (name, answer.text)
        seen[name].add(promised(name, answer))
        if name == "changes_reconcile":
            known = await node.socket.get(f"/api/v1/operations/{answer.json()['id']}")
            seen["operations_operation"].add(promised("operations_operation", known))
        if method == "get" and (tag := answer.headers.get("etag")):
            again = await node.socket.get(target(path, values), headers={"If-None-Match": tag})
            seen[name].add(promised(name, again))
    for name in STOPS:
        dry = await node.socket.post(OPERATIONS[name][1], params={"dryRun": "true"})
        seen[name] |= {promised(name, dry), "202"}  # by the next test
    for name, (_, _, operation) in OPERATIONS.items():
        assert seen[name] >= operation["responses"].keys() - NO_ANSWER_HERE, name


@pytest.mark.req("DMN-05")
@pytest.mark.parametrize("name", STOPS)
async def test_a_stop_is_answered_as_the_document_promises(node: Running, name: str) -> None:
    answer = await node.socket.post(OPERATIONS[name][1], params={"services": "true"})
    assert promised(name, answer) == "202"
