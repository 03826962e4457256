"""Every route of the document, asked by everybody who might: none is let in by mistake, none is forgotten."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from api.openapi import document
from tests.api.nodes import Running, api_key, key, running, secret

OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
}
LISTS = {"overrides_every", "metrics_services", "resources_pages", "resources_statuses", "resources_stretch",
         "sources_every", "sources_git", "changes_reconcile"}  # fmt: skip
"""What shows less to who may see less, and refuses nobody."""
STOPS = {"daemon_shutdown", "daemon_daemon_shutdown"}

MANIFESTS = {"manifests": {"a.yaml": key("bob")}}
BODIES: dict[str, Any] = {
    "auth_change": {"enabled": True},
    "auth_create": {"name": "made", "permissions": ["read"]},
    "auth_rotate": {},
    "changes_apply": MANIFESTS,
    "changes_delete": {"refs": ["key/bob"]},
    "changes_diff": MANIFESTS,
    "changes_reconcile": {},
    "overrides_add": {"ref": "key/bob", "patch": {"suspend": True}},
    "sources_rollback": {},
}
VALUES = {"kind": "key", "namespace": "default"}
ASSETS = {"explorer_script": "page.js", "explorer_style": "page.css"}
NAMES = {"auth": "spare", "sources": "root", "hooks": "root"}

SCOPES = sorted(
    {scope for _, _, one in OPERATIONS.values() for way in one["security"] for scope in way.get("key", ())}
)
LETTERS = "bcdefghijk"
RIGHT = {scope: secret(LETTERS[number]) for number, scope in enumerate(SCOPES)}
ADMIN, WRONG, ELSEWHERE = secret("A"), secret("W"), secret("E")
EXPIRED, DISABLED, UNKNOWN = secret("X"), secret("D"), secret("U")


def past() -> str:
    return datetime(2026, 1, 1, tzinfo=UTC).isoformat()


def manifests() -> str:
    keys = [api_key(f"right-{number}", RIGHT[scope], f'"{scope}"') for number, scope in enumerate(SCOPES)]
    keys += [
        api_key("full", ADMIN, "admin"),
        api_key("wrong", WRONG, '"torrents:write"'),
        api_key("elsewhere", ELSEWHERE, "{scope: admin, names: [elsewhere]}"),
        api_key("expired", EXPIRED, "admin").replace("spec: {", f'spec: {{expiresAt: "{past()}", '),
        api_key("off", DISABLED, "admin").replace("spec: {", "spec: {enabled: false, "),
        api_key("spare", secret("S"), "read"),
    ]
    return "---\n".join((key("bob"), *keys))


@pytest.fixture
async def node() -> AsyncIterator[Running]:
    async with running(manifests(), api__writes=True, api__require_auth=True) as found:
        await found.ready("key/bob", "apikey/full", "source/root")
        yield found


async def status(node: Running, name: str, credential: str = "") -> int:
    method, path, operation = OPERATIONS[name]
    values = VALUES | {"name": ASSETS.get(name) or NAMES.get(name.partition("_")[0], "bob")}
    target = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
    client = node.public if path.startswith(("/api", "/health", "/metrics")) else node.internal
    body = BODIES[name] if "requestBody" in operation else None
    headers = {"X-API-Key": credential} if credential else {}
    async with client.stream(method, target, json=body, headers=headers) as answer:
        return answer.status_code


def opens(name: str) -> bool:
    return not OPERATIONS[name][2]["security"]


def test_what_is_open_is_meant_to_be() -> None:
    assert {name for name in OPERATIONS if opens(name)} == {
        "description_asyncapi", "description_openapi", "explorer_page", "explorer_script",
        "explorer_style", "health_health", "health_daemon_health", "hooks_hook",
    }  # fmt: skip


@pytest.mark.req("AUTH-20", "AUTH-27", "AUTH-13")
@pytest.mark.parametrize("credential", ["", EXPIRED, DISABLED, UNKNOWN, "sk-short"])
async def test_who_has_no_key_that_counts_is_let_in_nowhere(node: Running, credential: str) -> None:
    for name in OPERATIONS:
        found = await status(node, name, credential)
        if name == "hooks_hook" or not (opens(name) and not credential):
            assert found == 401, name
        else:
            assert found == 200, name


@pytest.mark.req("AUTH-22", "AUTH-26", "AUTH-27")
@pytest.mark.parametrize("credential", [WRONG, ELSEWHERE])
async def test_who_may_something_else_is_refused(node: Running, credential: str) -> None:
    for name in OPERATIONS:
        found = await status(node, name, credential)
        if opens(name):
            assert found == (401 if name == "hooks_hook" else 200), name
        else:
            assert found in ((200, 202) if name in LISTS else (403,)), name


@pytest.mark.req("AUTH-22", "AUTH-25")
async def test_who_has_the_permission_of_a_route_is_let_in(node: Running) -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        if opens(name) or name in STOPS:
            continue
        scopes = operation["security"][0]["key"]
        found = await status(node, name, RIGHT[scopes[0]] if scopes else ADMIN)
        assert found not in (401, 403), name
        assert found < 500, name
