"""Every route of the document, asked by everybody who might: none is let in by mistake, none is forgotten."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.openapi import document
from reconciler.settings import Tokens
from tests.api.nodes import Running, api_key, key, running, secret

OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
}
LISTS = {"overrides_every", "metrics_services", "resources_pages", "resources_statuses", "resources_stretch",
         "sources_every", "sources_git", "changes_reconcile", "tokens_me"}  # fmt: skip
"""What shows less to who may see less, and refuses nobody."""
WITH_CREDENTIALS = {"tokens_token", "tokens_logout"}
"""What anybody may do with the credential that they ask with: a key is exchanged, a token ended."""
PROVEN = {"hooks_hook", "tokens_refresh"}
"""What asks for a proof of its own, and for no credential."""
SHORTENED = {"health_health_full"}
"""What tells less, not nothing, to who is on this machine and brings no credential."""
STREAMS = {"events_history", "events_live", "events_talk"}
"""What tells of nothing else to who may hear of some resources alone."""
STOPS = {"daemon_shutdown", "daemon_daemon_shutdown"}

MANIFESTS = {"manifests": {"a.yaml": key("bob")}}
BODIES: dict[str, Any] = {
    "auth_amend": {"enabled": True},
    "auth_change": {"enabled": True},
    "auth_create": {"name": "made", "permissions": ["read"]},
    "auth_rotate": {},
    "changes_apply": MANIFESTS,
    "changes_delete": {"refs": ["key/bob"]},
    "changes_diff": MANIFESTS,
    "changes_reconcile": {},
    "overrides_add": {"ref": "key/bob", "patch": {"suspend": True}},
    "sources_rollback": {},
    "tokens_refresh": {"refresh_token": "a.b.c"},
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


async def token_of(node: Running, secret: str, name: str = "access_token") -> str:
    answer = await node.public.post("/api/v1/auth/token", headers={"X-API-Key": secret})
    return str(answer.json()[name])


async def of_a_revoked_key(node: Running) -> str:
    key = (
        await node.socket.post("/api/v1/auth/keys", json={"name": "gone", "permissions": ["admin"]})
    ).json()
    token = await token_of(node, key["secret"])
    assert await status(node, "status_node", token) == 200
    await node.socket.delete(f"/api/v1/auth/keys/{key['id']}")
    return token


async def expired(node: Running) -> str:
    settings = node.node.settings
    node.node.settings = replace(settings, tokens=Tokens(access_hours=0))
    token = await token_of(node, ADMIN)
    node.node.settings = settings
    return token


async def unsigned(node: Running) -> str:
    _, claims, _ = (await token_of(node, ADMIN)).split(".")
    header = b'{"alg":"none","typ":"JWT"}'
    return f"{urlsafe_b64encode(header).decode().rstrip('=')}.{claims}."


async def to_refresh_with(node: Running) -> str:
    return await token_of(node, ADMIN, "refresh_token")


async def status(node: Running, name: str, credential: str = "") -> int:
    method, path, operation = OPERATIONS[name]
    values = VALUES | {"name": ASSETS.get(name) or NAMES.get(name.partition("_")[0], "bob")}
    target = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
    client = node.public if path.startswith(("/api", "/health", "/metrics")) else node.internal
    body = BODIES[name] if "requestBody" in operation else None
    named = "Bearer " if "." in credential else ""
    headers = {"Authorization" if named else "X-API-Key": named + credential} if credential else {}
    async with client.stream(method, target, json=body, headers=headers) as answer:
        return answer.status_code


def opens(name: str) -> bool:
    return not OPERATIONS[name][2]["security"]


def test_what_is_open_is_meant_to_be() -> None:
    assert {name for name in OPERATIONS if opens(name)} == {
        "description_asyncapi", "description_openapi", "description_openapi_yaml", "explorer_page",
        "explorer_script", "explorer_style", "health_health", "health_daemon_health", "hooks_hook",
        "tokens_jwks", "tokens_refresh",
    }  # fmt: skip


async def is_let_in_nowhere(node: Running, credential: str) -> None:
    for name in OPERATIONS:
        found = await status(node, name, credential)
        if not credential and (name in SHORTENED or (opens(name) and name not in PROVEN)):
            assert found == 200, name
        else:
            assert found == 401, name


@pytest.mark.req("AUTH-20", "AUTH-27", "AUTH-13")
@pytest.mark.parametrize("credential", ["", EXPIRED, DISABLED, UNKNOWN, "sk-short"])
async def test_who_has_no_key_that_counts_is_let_in_nowhere(node: Running, credential: str) -> None:
    await is_let_in_nowhere(node, credential)


@pytest.mark.req("AUTH-16", "AUTH-27", "AUTH-28")
@pytest.mark.parametrize("made", [expired, of_a_revoked_key, unsigned, to_refresh_with])
async def test_who_has_no_token_that_counts_is_let_in_nowhere(
    node: Running, made: Callable[[Running], Awaitable[str]]
) -> None:
    await is_let_in_nowhere(node, await made(node))


async def may_something_else(node: Running, credential: str, tell: Collection[str]) -> None:
    for name in OPERATIONS.keys() - WITH_CREDENTIALS:
        found = await status(node, name, credential)
        if opens(name):
            assert found == (401 if name in PROVEN else 200), name
        elif name in tell:
            assert found in (200, 426), name
        else:
            assert found in ((200, 202) if name in LISTS else (403,)), name


@pytest.mark.req("AUTH-22", "AUTH-26", "AUTH-27")
@pytest.mark.parametrize(("credential", "tell"), [(WRONG, ()), (ELSEWHERE, STREAMS)])
async def test_who_may_something_else_is_refused(
    node: Running, credential: str, tell: Collection[str]
) -> None:
    await may_something_else(node, credential, tell)
    await may_something_else(node, await token_of(node, credential), tell)


@pytest.mark.req("AUTH-22", "AUTH-25")
@pytest.mark.parametrize("by_token", [False, True])
async def test_who_has_the_permission_of_a_route_is_let_in(node: Running, *, by_token: bool) -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        if opens(name) or name in STOPS or (by_token and name in WITH_CREDENTIALS):
            continue
        scopes = operation["security"][0]["key"]
        key = RIGHT[scopes[0]] if scopes else ADMIN
        found = await status(node, name, await token_of(node, key) if by_token else key)
        assert found not in (401, 403), name
        assert found < 500, name
