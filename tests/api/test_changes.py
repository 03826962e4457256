"""Applying, showing what would change, deleting: over the socket, by who owns the node."""

from __future__ import annotations

import base64
import json
import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.nodes import Running, key, running
from tests.saving import save
from tests.sources.git.repository import Repository

YAML = {"Content-Type": "application/yaml"}


def bundle(*manifests: str, **more: object) -> dict[str, object]:
    return {"manifests": {f"{number}.yaml": text for number, text in enumerate(manifests)}, **more}


@pytest.mark.req("CORE-10", "CORE-05", "CORE-20")
async def test_apply_makes_it_so_and_names_who_asked(api: Running) -> None:
    answer = await api.socket.post(
        "/api/v1/apply", json=bundle(key("carol"), key("dave")), headers={"X-Request-ID": "mine-1"}
    )
    assert answer.status_code == 202
    assert answer.json()["refs"] == ["key/carol", "key/dave"]
    me = f"uid:{os.geteuid()} {pwd.getpwuid(os.geteuid()).pw_name}"
    assert answer.json()["actor"] == me
    await api.ready("key/carol", "key/dave")
    told = (await api.public.get("/api/v1/events/history?type=operation.apply")).json()["data"][0]
    assert (told["actor"], told["request_id"]) == (me, "mine-1")
    assert told["data"]["operation"] == answer.json()["id"]


@pytest.mark.req("OBS-19")
async def test_the_trace_of_the_caller_is_kept(api: Running) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    await api.socket.post("/api/v1/reconcile", json={"refs": ["key/bob"]}, headers=headers)
    told = (await api.public.get("/api/v1/events/history?type=operation.reconcile")).json()["data"][0]
    assert told["trace_id"] == trace


async def test_yaml_alone_is_a_bundle(api: Running) -> None:
    answer = await api.socket.post("/api/v1/apply?set=mine", content=key("carol"), headers=YAML)
    assert answer.status_code == 202
    await api.ready("key/carol")
    pruned = await api.socket.post("/api/v1/apply?set=mine&prune=true", content=key("dave"), headers=YAML)
    assert pruned.json()["refs"] == ["key/dave", "key/carol"]


async def test_the_files_that_a_manifest_names_come_along(api: Running) -> None:
    service = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: hello}
spec: {command: [./hello.sh], restart: never}
"""
    script = b"#!/bin/sh\necho hello from the bundle\n"
    files = {"hello.sh": base64.b64encode(script).decode()}
    shown = await api.socket.post("/api/v1/diff", json=bundle(service, files=files))
    assert shown.json()["adds"] == 1
    missing = await api.socket.post("/api/v1/diff", json=bundle(service))
    assert missing.status_code in (200, 400)
    broken = await api.socket.post("/api/v1/diff", json=bundle(service, files={"hello.sh": "%%%"}))
    assert (broken.status_code, broken.json()["code"]) == (400, "INVALID_FIELD")


@pytest.mark.req("CORE-05")
async def test_diff_and_dry_run_write_nothing(api: Running) -> None:
    before = await api.node.store.dump()
    inbox = sorted(api.node.settings.data.joinpath("inbox").rglob("*"))
    other = bundle(key("carol"), key("release", "db"))
    shown = await api.socket.post("/api/v1/diff", json=other)
    assert shown.status_code == 200
    assert [text.partition(":")[0] for text in shown.json()["conflicts"]] == [
        "key/release is declared differently at all.yaml"
    ]
    assert (await api.socket.post("/api/v1/apply?dryRun=true", json=other)).status_code == 409
    shown = await api.socket.post("/api/v1/diff", json=bundle(key("carol"), key("release")))
    assert (shown.json()["adds"], shown.json()["unchanged"]) == (1, 1)
    dry = await api.socket.post("/api/v1/apply?dryRun=true", json=bundle(key("carol"), key("release")))
    assert (dry.status_code, dry.json()) == (200, shown.json())
    assert sorted(api.node.settings.data.joinpath("inbox").rglob("*")) == inbox
    after = await api.node.store.dump()
    assert {name: rows for name, rows in after.items() if name != "notes"} == {
        name: rows for name, rows in before.items() if name != "notes"
    }


@pytest.mark.req("CORE-09")
async def test_what_a_source_declares_is_changed_there(api: Running) -> None:
    same = await api.socket.post("/api/v1/apply", json=bundle(key("bob", "db")))
    assert same.status_code == 202
    other = key("bob", "db").replace("creator", "maintainer")
    answers = [
        await api.socket.post("/api/v1/apply", json=bundle(other)),
        await api.socket.delete("/api/v1/resources/key/default/bob"),
        await api.socket.post("/api/v1/delete", json={"refs": ["key/bob"]}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert "all.yaml:" in answer.json()["detail"]
        assert answer.json()["remedy"]
    timed = await api.socket.post("/api/v1/overrides", json={"ref": "key/bob", "patch": {"suspend": True}})
    assert timed.status_code == 201
    same = await api.socket.post("/api/v1/apply", json=bundle(key("bob", "db")))
    assert same.status_code == 202, "an override is nothing that a source declares"


@pytest.mark.req("CORE-09")
@pytest.mark.needs("git")
async def test_what_git_owns_the_api_does_not_write(api: Running, tmp_path: Path) -> None:
    """The line of the manifest is named; a timed override and a one-shot action are no writes to it."""
    repository = Repository(tmp_path / "repository")
    repository.commit({"keys/all.yaml": "# the keys of the shop\n" + key("first") + "---\n" + key("second")})
    source = {"apiVersion": "holdfast.dev/v1", "kind": "Source", "metadata": {"name": "machine"}}
    spec = {"git": {"url": str(repository.folder)}}
    save(api.source / "machine.yaml", json.dumps({**source, "spec": spec}))
    await api.socket.post("/api/v1/apply", json=bundle(key("carol")))
    await api.ready("key/second", "key/carol", "key/bob")
    managers = {"key/second": "git", "key/carol": "api", "key/bob": "directory", "source/inbox": "node"}
    every = (await api.public.get("/api/v1/resources/all")).json()["data"]
    assert {one["status"]["ref"]: one["origin"]["managed_by"] for one in every}.items() >= managers.items()
    other = key("second").replace("creator", "maintainer")
    for answer in (
        await api.socket.post("/api/v1/apply", json=bundle(other)),
        await api.socket.delete("/api/v1/resources/key/default/second"),
        await api.socket.post("/api/v1/delete", json={"refs": ["key/carol", "key/second"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert "keys/all.yaml:7:1" in answer.json()["detail"]
        assert "machine" in answer.json()["detail"]
    assert (await api.public.get("/api/v1/status/key/carol")).status_code == 200, "all or nothing"
    override = {"ref": "key/second", "patch": {"suspend": True}, "for": "1h"}
    assert (await api.socket.post("/api/v1/overrides", json=override)).status_code == 201
    asked = await api.socket.post("/api/v1/reconcile", json={"refs": ["key/second"]})
    assert asked.status_code == 202


async def test_a_saved_plan_is_applied_only_while_it_is_the_same(api: Running) -> None:
    shown = (await api.socket.post("/api/v1/diff", json=bundle(key("carol")))).json()
    await api.socket.post("/api/v1/apply", json=bundle(key("carol")))
    await api.ready("key/carol")
    late = await api.socket.post("/api/v1/apply", json=bundle(key("carol"), expect=shown["digest"]))
    assert late.status_code == 409


async def test_delete_takes_away_what_was_applied(api: Running) -> None:
    await api.socket.post("/api/v1/apply", json=bundle(key("carol"), key("dave"), key("erin")))
    await api.ready("key/carol", "key/dave", "key/erin")
    one = await api.socket.delete("/api/v1/resources/key/default/carol")
    assert (one.status_code, one.json()["refs"]) == (202, ["key/carol"])
    two = await api.socket.post("/api/v1/delete", json={"refs": ["key/dave", "key/erin"]})
    assert two.json()["refs"] == ["key/dave", "key/erin"]
    assert (await api.socket.delete("/api/v1/resources/key/default/nobody")).status_code == 404


@pytest.mark.req("ERR-04", "CLI-02")
async def test_all_errors_of_manifests_are_told_with_their_places(api: Running) -> None:
    bad = key("x").replace("generate", "generat")
    answer = await api.socket.post("/api/v1/diff", json=bundle(bad, "kind: Kee\n", key("fine")))
    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "INVALID_REQUEST")
    assert "0.yaml:4:23: spec.generat: unknown field, did you mean 'generate'?" in told["detail"]
    assert {one["place"].split(":")[0] for one in told["errors"]} == {"0.yaml", "1.yaml"}
    assert told["errors"][0]["pointer"] == "/manifests/0.yaml"
    assert told["invalid_params"] == told["errors"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b"\x00\xff\xfe", b'{"manifests": 5}', b'{"manifests": {"a": 5}}', b"{}",
        b'{"manifests": {}, "manifest": {}}', b'{"manifests": {"../../x.yaml": "kind: Key"}}',
        b'{"manifests": {"a.yaml": ""}}', b'{"manifests": {"a.yaml": "\\ud800"}}', b"[" * 100_000,
        b'{"manifests": {"a.yaml": "kind: Key"}, "files": {"x": 1}}',
        b'{"manifests": {}, "set": []}', b'{"manifests": {}, "prune": "no"}',
    ],
)  # fmt: skip
async def test_garbage_is_refused(api: Running, body: bytes) -> None:
    for path in ("/api/v1/apply", "/api/v1/diff"):
        answer = await api.socket.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


async def test_only_json_and_yaml_are_taken(api: Running) -> None:
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "a/b",
        ";",
    ):
        answer = await api.socket.post("/api/v1/apply", content=b"{}", headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE"), kind
    not_text = await api.socket.post("/api/v1/apply", content=b"\xff\xfe", headers=YAML)
    assert not_text.status_code == 400


async def test_wrong_members_of_a_body_are_all_told(api: Running) -> None:
    answer = await api.socket.post("/api/v1/overrides", json={"reff": "key/bob", "fro": "1h"})
    told = {one["pointer"]: one["suggestion"] for one in answer.json()["errors"]}
    assert answer.status_code == 400
    assert told["/reff"] == "did you mean 'ref'?"
    assert told["/fro"] == "did you mean 'for'?"
    assert {"/ref", "/patch"} <= told.keys()
    for body in (
        {"ref": "key/bob", "patch": {}},
        {"ref": "key/bob", "patch": {"suspend": True}, "for": "soon"},
        {"ref": 5, "patch": {"suspend": True}},
        {"ref": "key/bob", "patch": {"suspend": True}, "reason": {}},
        {"ref": "bob", "patch": {"suspend": True}},
        {"ref": "key/bob", "patch": {"supsend": True}},
        {"ref": "key/bob", "patch": {"suspend": "perhaps"}},
    ):
        answer = await api.socket.post("/api/v1/overrides", json=body)
        assert answer.status_code == 400, (body, answer.text)
    for refs in ({}, None, "", "key/bob", [1], {"a": 1}, ["nothing"], [""]):
        answer = await api.socket.post("/api/v1/reconcile", json={"refs": refs})
        assert answer.status_code == 400, refs


@pytest.mark.req("CORE-10", "ERR-22")
async def test_a_body_has_a_limit_that_is_kept_while_reading() -> None:
    async with running(api__max_body_bytes=100_000) as api:
        body = json.dumps(bundle("#" * 120_000)).encode()

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 1000):
                yield body[start : start + 1000]

        for content in (body, chunks()):
            answer = await api.socket.post(
                "/api/v1/diff", content=content, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
            assert answer.json()["detail"] == "the body is larger than 100000 bytes"
            assert answer.json()["remedy"] == "send less at once"
        assert (await api.socket.get("/health")).status_code == 200


@pytest.mark.req("CORE-10")
async def test_sixty_megabytes_are_taken(api: Running) -> None:
    padding = {f"{number}.bin": base64.b64encode(b"x" * 3_000_000).decode() for number in range(14)}
    answer = await api.socket.post("/api/v1/diff", json=bundle(key("carol"), files=padding))
    assert answer.json()["adds"] == 1


@pytest.mark.req("AUTH-34", "X-31")
async def test_small_routes_take_small_bodies(api: Running) -> None:
    answer = await api.socket.post("/api/v1/reconcile", json={"refs": ["x" * 1_100_000]})
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("patch", [{"hold": "HELD"}, {"suspend": True}])
async def test_what_would_not_be_read_is_not_written(api: Running, patch: dict[str, object]) -> None:
    await api.socket.post("/api/v1/apply", json=bundle(key("carol")))
    await api.ready("key/carol", "source/inbox")
    held = (await api.socket.get("/api/v1/sources/inbox")).json()["revision"]
    said = {name: held if value == "HELD" else value for name, value in patch.items()}
    await api.socket.post(
        "/api/v1/overrides", json={"ref": "source/inbox", "patch": said, "reason": "a freeze"}
    )
    for answer in (
        await api.socket.post("/api/v1/apply", json=bundle(key("dave"))),
        await api.socket.post("/api/v1/apply?dryRun=true", json=bundle(key("dave"))),
        await api.socket.delete("/api/v1/resources/key/default/carol"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
        assert "a freeze" in answer.json()["detail"]
    assert "dave" not in str(sorted(api.node.settings.data.joinpath("inbox").rglob("*")))
    await api.socket.delete("/api/v1/overrides/source/default/inbox")
    assert (await api.socket.post("/api/v1/apply", json=bundle(key("dave")))).status_code == 202


async def test_a_path_names_all_that_it_takes(api: Running) -> None:
    told = (await api.socket.options("/api/v1/overrides/key/default/bob")).headers["allow"]
    assert set(told.split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS"}
