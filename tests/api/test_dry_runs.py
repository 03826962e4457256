"""A dry run takes the way of the real one up to where that writes: it tells the plan, or refuses alike."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.nodes import Running, key
from tests.api.test_changes import bundle
from tests.api.test_errors import is_problem
from tests.api.test_openapi import OPERATIONS, conforms, parameters, target

BOB = {"kind": "key", "namespace": "default", "name": "bob"}
CAROL = {"kind": "key", "namespace": "default", "name": "carol"}
NOBODY = {"kind": "key", "namespace": "default", "name": "nobody"}
DRY = {"dryRun": "true"}
SUSPENDED = {"ref": "key/bob", "patch": {"suspend": True}}
OTHER = bundle(key("bob", "db").replace("creator", "maintainer"))
NAMED = {"name": "ci", "permissions": ["read"]}

Asked = tuple[str, dict[str, str], dict[str, Any]]

DONE: list[Asked] = [
    ("changes_apply", {}, {"json": bundle(key("dave"))}),
    ("changes_delete", {}, {"json": {"refs": ["key/carol"]}}),
    ("changes_reconcile", {}, {"json": {"refs": ["key/bob", "source/root"], "allow_prune": True}}),
    ("overrides_add", {}, {"json": {"ref": "key/alice", "patch": {"suspend": True}}}),
    ("overrides_end", BOB, {}),
    ("resources_remove", CAROL, {}),
    ("sources_push", {"name": "root"}, {}),
    ("sources_rollback", {"name": "inbox"}, {}),
    ("auth_create", {}, {"json": NAMED}),
    ("auth_change", {"name": "old"}, {"json": {"enabled": False}}),
    ("auth_amend", {"name": "old"}, {"json": {"permissions": ["read", "dht:read"]}}),
    ("auth_rotate", {"name": "old"}, {}),
    ("auth_revoke", {"name": "old"}, {}),
    ("daemon_shutdown", {}, {"params": {"services": "true"}}),
    ("daemon_daemon_shutdown", {}, {}),
]
TOKENS = {"tokens_token", "tokens_refresh", "tokens_logout"}
"""What needs a key or a token to begin with: see `test_tokens`."""
REFUSED: list[Asked] = [
    ("changes_apply", {}, {"json": OTHER}),
    ("changes_apply", {}, {"json": bundle(key("dave"), expect="another")}),
    ("changes_apply", {}, {"json": bundle(key("dave"), set="no/set")}),
    ("changes_apply", {}, {"json": bundle(key("carol"), set="another")}),
    ("changes_apply", {}, {"json": bundle(key("dave").replace("generate", "generat"))}),
    ("changes_delete", {}, {"json": {"refs": ["key/carol", "key/bob"]}}),
    ("changes_delete", {}, {"json": {"refs": ["key/nobody"]}}),
    ("changes_delete", {}, {"json": {}}),
    ("changes_reconcile", {}, {"json": {"refs": ["key/nobody"]}}),
    ("overrides_add", {}, {"json": {**SUSPENDED, "ref": "key/nobody"}}),
    ("overrides_add", {}, {"json": {**SUSPENDED, "patch": {"supsend": True}}}),
    ("overrides_add", {}, {"json": {**SUSPENDED, "for": "soon"}}),
    ("overrides_end", CAROL, {}),
    ("overrides_end", BOB, {"headers": {"If-Match": '"other"'}}),
    ("resources_remove", BOB, {}),
    ("resources_remove", NOBODY, {}),
    ("resources_remove", CAROL, {"headers": {"If-Match": '"other"'}}),
    ("sources_push", {"name": "nothing"}, {}),
    ("sources_rollback", {"name": "root"}, {"json": {"revision": "nothing"}}),
    ("auth_create", {}, {"json": {**NAMED, "name": "old"}}),
    ("auth_create", {}, {"json": {**NAMED, "permissions": ["nothing"]}}),
    ("auth_rotate", {"name": "nobody"}, {}),
    ("auth_revoke", {"name": "nobody"}, {}),
]  # fmt: skip


@pytest.fixture
async def node(api: Running) -> Running:
    """There is something to be taken away again."""
    await api.socket.post("/api/v1/apply", json=bundle(key("erin")))
    await api.socket.post("/api/v1/apply", json=bundle(key("carol")))
    made = await api.socket.post("/api/v1/auth/keys", json={**NAMED, "name": "old"})
    assert made.status_code == 201, made.text
    await api.socket.post("/api/v1/overrides", json=SUSPENDED)
    await api.ready("key/carol", "key/erin", "source/inbox", "apikey/old")
    await api.judged("inbox")
    return api


async def stands(node: Running) -> tuple[object, ...]:
    """All that a write leaves behind."""
    dump = await node.node.store.dump()
    inbox = node.node.settings.data / "inbox"
    files = sorted((str(path), path.lstat().st_mtime_ns) for path in inbox.rglob("*"))
    return {name: rows for name, rows in dump.items() if name != "notes"}, files, node.node.stopping.is_set()


async def ask(node: Running, asked: Asked, **more: str) -> httpx.Response:
    name, values, given = asked
    method, path, _ = OPERATIONS[name]
    params = {**given.get("params", {}), **more}
    rest = {key: value for key, value in given.items() if key != "params"}
    return await node.socket.request(method.upper(), target(path, values), params=params, **rest)


def writes() -> set[str]:
    return {
        name
        for name, (method, _, _) in OPERATIONS.items()
        if method != "get" and name not in {"changes_diff", "hooks_hook"}
    }


def test_every_write_can_be_tried_dry() -> None:
    dry = {
        name
        for name, (_, _, operation) in OPERATIONS.items()
        if any(one["name"] == "dryRun" for one in parameters(operation))
    }
    assert writes() <= dry
    assert writes() == {name for name, _, _ in DONE} | TOKENS


@pytest.mark.req("CORE-05")
async def test_a_dry_run_tells_the_plan_and_writes_nothing(node: Running) -> None:
    before = await stands(node)
    plans = {}
    for asked in DONE:
        answer = await ask(node, asked, **DRY)
        assert answer.status_code == 200, (asked[0], answer.text)
        conforms(answer.json(), {"$ref": "#/components/schemas/PreviewView"})
        plans[asked[0]] = answer.json()
        assert await stands(node) == before, asked[0]
    assert plans["changes_apply"]["adds"] == 1
    for name in ("changes_delete", "resources_remove"):
        assert [(one["ref"], one["action"]) for one in plans[name]["differences"]] == [
            ("key/carol", "remove")
        ]
    assert plans["changes_reconcile"]["unchanged"] == 2
    assert "its services" in plans["daemon_shutdown"]["warnings"][0]


async def test_a_dry_run_is_refused_whenever_the_real_one_would_be(node: Running) -> None:
    for asked in REFUSED:
        dry = is_problem(await ask(node, asked, **DRY))
        real = is_problem(await ask(node, asked))
        same = ("status", "code", "detail", "errors")
        assert [dry.get(name) for name in same] == [real.get(name) for name in same], asked


async def test_what_may_not_be_taken_away_is_refused_before_anything_is_written(node: Running) -> None:
    """More than half of what there is, from five resources up."""
    many = [key(f"k{number}") for number in range(40)]
    assert (await node.socket.post("/api/v1/apply", json=bundle(*many))).status_code == 202
    await node.ready(*(f"key/k{number}" for number in range(40)))
    inbox = node.node.settings.data / "inbox"

    def applied() -> set[str]:
        return {str(path) for path in inbox.rglob("*")}

    before = applied()
    body = {"refs": [f"key/k{number}" for number in range(40)]}
    for params in (DRY, {}):
        told = is_problem(await node.socket.post("/api/v1/delete", json=body, params=params))
        assert told["code"] == "FORBIDDEN"
        assert applied() == before
    allowed = await node.socket.post("/api/v1/delete", json={**body, "allow_prune": True})
    assert allowed.status_code == 202
