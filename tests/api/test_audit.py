"""The audit trail: who has asked for what, from where, and what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.nodes import Running, key

pytestmark = pytest.mark.req("OBS-07", "OBS-25")


async def trail(api: Running, **asked: str) -> list[dict[str, Any]]:
    answer = await api.socket.get("/api/v1/audit", params={"limit": "100", **asked})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def test_what_somebody_asks_for_is_told_with_all_that_is_known_of_them(api: Running) -> None:
    begun = await trail(api)
    traced = {"X-Request-ID": "mine-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    await api.socket.post("/api/v1/apply", json={"manifests": {"a.yaml": key("carol")}}, headers=traced)
    await api.socket.post("/api/v1/reconcile", json={"refs": ["key/bob"]})
    applied, looked = (await trail(api))[len(begun) :]
    assert applied["action"] == "operation.apply"
    assert applied["actor"].startswith("uid:")
    assert applied["resource"] == ["key/carol"]
    assert applied["result"] == "ok"
    assert (applied["request_id"], applied["trace_id"], applied["address"]) == ("mine-1", "a" * 32, "")
    assert applied["data"].keys() == {"operation"}
    assert (looked["action"], looked["resource"]) == ("operation.reconcile", ["key/bob"])
    assert all(one["actor"] != "holdfast" for one in await trail(api)), (
        "what the node does by itself is no request"
    )


async def test_it_is_narrowed_by_who_what_and_when_and_told_in_pieces(api: Running) -> None:
    for name in ("release", "alice", "bob"):
        await api.socket.post("/api/v1/reconcile", json={"refs": [f"key/{name}"]})
    await api.socket.post("/api/v1/overrides", json={"ref": "key/bob", "patch": {"suspend": True}})
    every = await trail(api)
    actor = every[-1]["actor"]
    assert await trail(api, actor=actor) == every
    assert await trail(api, actor="nobody") == []
    looks = await trail(api, action="operation.reconcile")
    assert [one["resource"] for one in looks] == [["key/release"], ["key/alice"], ["key/bob"]]
    asked_for = [one for one in every if one["action"].startswith("operation.")]
    assert await trail(api, action="operation.*", actor=actor) == asked_for
    assert await trail(api, since=looks[0]["timestamp"]) == every[-5:]
    assert await trail(api, since="2100-01-01T00:00:00Z") == []
    first = (await api.socket.get("/api/v1/audit", params={"limit": "2"})).json()
    second = (await api.socket.get("/api/v1/audit", params={"limit": "100", "cursor": first["next"]})).json()
    assert first["data"] + second["data"] == every
    assert second["next"] is None


async def test_it_is_not_for_just_anybody(api: Running) -> None:
    assert (await api.public.get("/api/v1/audit")).status_code in {200, 401, 403}
    assert (await api.socket.get("/api/v1/audit", params={"cursor": "x"})).status_code == 400
    assert (await api.socket.get("/api/v1/audit", params={"since": "yesterday"})).status_code == 400
