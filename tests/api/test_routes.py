"""Each route tells what the node knows, in the shapes that the command line reads."""

from __future__ import annotations

import pytest

from tests.api.nodes import Running, key
from tests.saving import save


@pytest.mark.req("OBS-01", "DMN-04", "DMN-07")
async def test_health_tells_the_age_of_the_last_pass_on_every_listener(api: Running) -> None:
    for client in (api.socket, api.public, api.internal):
        answer = await client.get("/health")
        assert answer.status_code == 200
        assert answer.json()["status"] == "running"
        assert 0 <= answer.json()["last_pass_age_s"] < 60
    assert (await api.public.get("/api/v1/daemon/health")).status_code == 200


@pytest.mark.req("DMN-01", "DMN-02", "DMN-05", "OBS-05")
async def test_the_daemon_tells_of_itself(api: Running) -> None:
    for client, path in (
        (api.socket, "/status"),
        (api.internal, "/status"),
        (api.public, "/api/v1/daemon/status"),
    ):
        told = (await client.get(path)).json()
        assert told["status"] == "running"
        assert told["uptime_s"] > 0
        assert told["listeners"].keys() == {"socket", "public", "internal"}
    for client, path in ((api.internal, "/stats"), (api.public, "/api/v1/daemon/stats")):
        figures = (await client.get(path)).json()
        assert figures["memory_bytes"] > 1_000_000
        assert figures["newest_event"] >= figures["oldest_event"] > 0


@pytest.mark.req("CORE-06", "CORE-10")
async def test_status_at_a_glance_and_of_one(api: Running) -> None:
    told = (await api.public.get("/api/v1/status")).json()
    assert told["kinds"]["Key"] == {"ready": 3, "not_ready": 0, "stalled": 0}
    assert {source["name"] for source in told["sources"]} == {"inbox", "root"}
    one = (await api.public.get("/api/v1/status/KEY/release")).json()
    assert one["ref"] == "key/release"
    assert one["conditions"][0]["type"] == "Ready"
    assert one["generation"] == one["observed_generation"] == 1
    missing = await api.public.get("/api/v1/status/key/release", params={"namespace": "elsewhere"})
    assert missing.status_code == 404


@pytest.mark.req("ERR-13", "ERR-14", "ERR-15", "X-12")
async def test_resources_come_page_by_page(api: Running) -> None:
    first = (await api.public.get("/api/v1/resources", params={"kind": "key", "per_page": 2})).json()
    assert [one["metadata"]["name"] for one in first["data"]] == ["alice", "bob"]
    assert first["pagination"] == {"page": 1, "per_page": 2, "total_pages": 2, "total_items": 3}
    assert first["links"]["prev"] is None
    last = (await api.public.get(first["links"]["next"])).json()
    assert [one["metadata"]["name"] for one in last["data"]] == ["release"]
    assert last["links"]["next"] is None
    assert last["links"]["first"] == last["links"]["prev"]
    beyond = (await api.public.get("/api/v1/resources", params={"page": 9, "limit": 2})).json()
    assert beyond["data"] == []
    for size in (0, 101, -1):
        for name in ("per_page", "limit"):
            answer = await api.public.get("/api/v1/resources", params={name: size})
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")


@pytest.mark.req("ERR-14")
async def test_a_cursor_tells_everything_once(api: Running) -> None:
    told: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        piece = (await api.socket.get("/api/v1/resources/all", params={"cursor": cursor, "limit": 2})).json()
        told += [one["status"]["ref"] for one in piece["data"]]
        cursor = piece["next"]
    assert told == ["key/alice", "key/bob", "key/release", "source/inbox", "source/root"]


@pytest.mark.req("ERR-14")
async def test_statuses_alone_are_told_behind_a_cursor_too(api: Running) -> None:
    first = (await api.socket.get("/api/v1/status/all", params={"kind": "key", "limit": 2})).json()
    rest = (
        await api.socket.get("/api/v1/status/all", params={"kind": "key", "cursor": first["next"]})
    ).json()
    assert [one["ref"] for one in first["data"]] == ["key/alice", "key/bob"]
    assert [(one["ref"], one["ready"]) for one in rest["data"]] == [("key/release", True)]
    assert rest["next"] is None


async def test_resources_are_chosen_by_kind_name_and_labels(api: Running) -> None:
    async def names(**query: str | list[str]) -> set[str]:
        found = (await api.public.get("/api/v1/resources", params=query)).json()["data"]
        return {one["metadata"]["name"] for one in found}

    assert await names(labels="tier=db") == {"alice", "bob"}
    assert await names(labels="tier=db,app=shop", name="bob") == {"bob"}
    assert await names(name=["bob", "release"]) == {"bob", "release"}
    assert await names(kind="keys", namespace="other") == set()
    assert (await api.public.get("/api/v1/resources?labels=tier")).status_code == 400
    unknown = (await api.public.get("/api/v1/resources?kind=kee")).json()
    assert "did you mean 'Key'?" in unknown["detail"]


async def test_one_resource_has_a_tag_that_moves_only_when_it_does(api: Running) -> None:
    path = "/api/v1/resources/key/default/release"
    first = await api.public.get(path)
    assert first.json()["metadata"]["labels"] == {"app": "shop", "tier": "web"}
    assert first.json()["origin"]["managed_by"] == "directory"
    again = await api.public.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await api.socket.post("/api/v1/overrides", json={"ref": "key/release", "patch": {"suspend": True}})
    changed = await api.public.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_what_was_planned_and_why(api: Running) -> None:
    planned = (await api.public.get("/api/v1/resources/key/default/release/plans")).json()
    assert planned[0]["steps"]
    assert (await api.public.get("/api/v1/resources/key/default/release/causes")).json() == []
    assert (await api.public.get("/api/v1/resources/key/default/nobody/plans")).status_code == 404


@pytest.mark.req("CORE-10")
async def test_sources_and_their_revisions(api: Running) -> None:
    every = (await api.public.get("/api/v1/sources")).json()
    assert [one["name"] for one in every["data"]] == ["inbox", "root"]
    assert (await api.public.get("/api/v1/sources/git")).json()["data"] == []
    root = (await api.public.get("/api/v1/sources/root")).json()
    assert root["resources"] == 3
    revisions = (await api.public.get("/api/v1/sources/root/revisions")).json()
    assert revisions[0]["revision"] == root["revision"]
    assert (await api.public.get("/api/v1/sources/nowhere")).status_code == 404


async def test_a_push_fetches_at_once(api: Running) -> None:
    save(api.source / "more.yaml", key("carol"))
    answer = await api.socket.post("/api/v1/sources/root/push")
    assert answer.status_code == 202
    await api.ready("key/carol")


async def test_kinds_graph_and_operations(api: Running) -> None:
    kinds = (await api.public.get("/api/v1/kinds")).json()
    assert "Key" in {one["name"] for one in kinds}
    assert "key/release" in (await api.public.get("/api/v1/graph")).json()
    asked = (await api.socket.post("/api/v1/reconcile", json={"refs": ["key/bob"]})).json()
    assert asked["refs"] == ["key/bob"]
    assert (await api.public.get(f"/api/v1/operations/{asked['id']}")).json() == asked
    assert (await api.public.get("/api/v1/operations/op-none")).status_code == 404


async def test_an_override_is_set_shown_and_taken_back(api: Running) -> None:
    body = {"ref": "key/bob", "patch": {"suspend": True}, "reason": "looking into it", "for": "2h"}
    made = await api.socket.post("/api/v1/overrides", json=body)
    assert made.status_code == 201
    assert made.json()["author"].startswith("uid:")
    shown = (await api.public.get("/api/v1/overrides")).json()["data"]
    assert [one["ref"] for one in shown] == ["key/bob"]
    assert shown[0]["until"] > shown[0]["created"]
    assert (await api.socket.delete("/api/v1/overrides/key/default/bob")).status_code == 204
    assert (await api.socket.delete("/api/v1/overrides/key/default/bob")).status_code == 404
    assert (await api.public.get("/api/v1/overrides")).json()["data"] == []


async def test_head_is_get_without_the_body(api: Running) -> None:
    answer = await api.public.head("/api/v1/status")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100
    stream = await api.public.head("/api/v1/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
