"""All that is wrong with the members of a body is told at once, each where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.nodes import Running
from tests.api.test_errors import is_problem

KEYS, OVERRIDES, DELETE = "/api/v1/auth/keys", "/api/v1/overrides", "/api/v1/delete"
APPLY, DIFF = "/api/v1/apply", "/api/v1/diff"


@pytest.mark.req("CORE-17", "ERR-04", "ERR-09")
@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (
            KEYS,
            {
                "nmae": "ci",
                "permissions": ["reed", "write", 7],
                "expires_at": "soon",
                "rate_limit": {"per_minute": 0, "burst": "many"},
            },
            {
                *("/nmae", "/name", "/permissions/0", "/permissions/2", "/expires_at"),
                *("/rate_limit/per_minute", "/rate_limit/burst"),
            },
        ),
        (
            OVERRIDES,
            {"ref": "nothing", "patch": [], "reason": 7, "for": "long"},
            {"/ref", "/patch", "/reason", "/for"},
        ),
        (
            DELETE,
            {"refs": ["key/release", "no", "such/one/at/all"], "allow_prune": "no"},
            {"/refs/1", "/refs/2", "/allow_prune"},
        ),
        (
            APPLY,
            {"manifests": {"a/b.yaml": 1, "c~d.yaml": None}, "prune": 1, "a/b": 2},
            {"/manifests/a~1b.yaml", "/manifests/c~0d.yaml", "/prune", "/a~1b"},
        ),
        (
            DIFF,
            {"manifests": "all", "files": {"a": "%", "b": "\u00e9"}},
            {"/manifests", "/files/a", "/files/b"},
        ),
    ],
)
async def test_all_faults_are_told_at_once(
    api: Running, path: str, body: dict[str, Any], pointers: set[str]
) -> None:
    told: Any = is_problem(await api.socket.post(path, json=body))
    assert {one["pointer"] for one in told["errors"]} == pointers
    assert (told["status"], told["code"]) == (400, "INVALID_FIELD")


@pytest.mark.req("ERR-08", "ERR-04")
@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (KEYS, {}, {"/name", "/permissions"}),
        (KEYS, {"name": "ci"}, {"/permissions"}),
        (OVERRIDES, {"ref": "key/release"}, {"/patch"}),
        (DELETE, {}, {"/refs"}),
        (APPLY, {"prune": False}, {"/manifests"}),
        ("/api/v1/auth/refresh", {}, {"/refresh_token"}),
    ],
)
async def test_what_is_only_missing_is_said_to_be(
    api: Running, path: str, body: dict[str, Any], pointers: set[str]
) -> None:
    told: Any = is_problem(await api.socket.post(path, json=body))
    assert {one["pointer"] for one in told["errors"]} == pointers
    assert (told["status"], told["code"]) == (400, "MISSING_FIELD")


async def test_what_is_no_object_has_no_members(api: Running) -> None:
    for path in (KEYS, APPLY):
        told: Any = is_problem(await api.socket.post(path, json=["name"]))
        assert [one["message"] for one in told["errors"]] == ["expected an object"]
