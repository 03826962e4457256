"""API keys: who has the secret of one that counts is let in over TCP, nobody with any other."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.nodes import Running, api_key, key, living, running, scratch, secret, settings_in, until
from tests.api.test_websocket import connected, hear, say, until_end

KEYS = "/api/v1/auth/keys"
STATUS = "/api/v1/status"
SECRET = secret("a")


async def made(api: Running, name: str = "ci", **more: object) -> dict[str, Any]:
    answer = await api.socket.post(KEYS, json={"name": name, "permissions": ["read"], **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def got(api: Running, secret: str, path: str = STATUS) -> int:
    answer = await api.public.get(path, headers={"X-API-Key": secret})
    return answer.status_code


@pytest.mark.req("AUTH-01", "AUTH-02", "AUTH-08", "AUTH-09", "AUTH-11", "X-06")
async def test_a_new_key_works_at_once_and_its_secret_is_told_once(api: Running) -> None:
    key = await made(api, "CI Pipeline")
    assert (key["name"], key["ref"], key["enabled"]) == ("CI Pipeline", "apikey/ci-pipeline", True)
    for headers in ({"X-API-Key": key["secret"]}, {"Authorization": f"Bearer {key['secret']}"}):
        answer = await api.public.get(STATUS, headers=headers)
        assert answer.status_code == 200
    assert key["secret"].startswith(key["prefix"])
    listed = await api.socket.get(KEYS)
    assert [one["id"] for one in listed.json()["data"]] == [key["id"]]
    assert "secret" not in listed.json()["data"][0]
    data = api.node.settings.data
    kept = [
        path for path in data.rglob("*") if path.is_file() and key["secret"].encode() in path.read_bytes()
    ]
    assert kept == []


@pytest.mark.req("AUTH-10", "AUTH-21", "AUTH-27", "ERR-10")
async def test_a_credential_that_does_not_count_is_refused_and_logged_without_itself(
    api: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for wrong in (secret("x"), "sk-short", "nonsense", "550e8400-e29b-41d4-a716-446655440000"):
            answer = await api.public.get(STATUS, headers={"X-API-Key": wrong})
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert wrong not in answer.text
            assert wrong not in caplog.text
    assert "the API key is unknown" in caplog.text
    assert "the API key is malformed" in caplog.text


@pytest.mark.req("AUTH-08", "AUTH-10", "X-05")
async def test_a_key_of_another_program_that_is_a_uuid_counts_as_well() -> None:
    imported = "550e8400-e29b-41d4-a716-446655440000"
    async with running(api_key("old", imported, "read"), api__require_auth=True) as api:
        await api.ready("apikey/old")
        assert await got(api, imported) == 200
        answer = await api.public.get(STATUS, headers={"Authorization": f"Bearer {imported}"})
        assert answer.status_code == 200
        assert await got(api, imported.upper()) == 401


@pytest.mark.req("AUTH-08")
async def test_two_credentials_must_be_one(api: Running) -> None:
    found = (await made(api))["secret"]
    for headers, status in (
        ({"X-API-Key": found, "Authorization": f"Bearer {found}"}, 200),
        ({"X-API-Key": found, "Authorization": f"Bearer {secret('x')}"}, 400),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401),
    ):
        assert (await api.public.get(STATUS, headers=headers)).status_code == status


@pytest.mark.req("AUTH-03", "AUTH-13")
async def test_what_ended_is_refused(api: Running) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    ended = await made(api, "ended", expires_at=past)
    off = await made(api, "off")
    gone = await made(api, "gone")
    assert await got(api, off["secret"]) == await got(api, gone["secret"]) == 200
    await api.socket.put(f"{KEYS}/{off['id']}", json={"enabled": False})
    assert (await api.socket.delete(f"{KEYS}/{gone['id']}")).status_code == 204
    assert [await got(api, one["secret"]) for one in (ended, off, gone)] == [401] * 3
    assert (await api.socket.get(f"{KEYS}/{gone['id']}")).status_code == 404
    await api.socket.put(f"{KEYS}/off", json={"enabled": True})
    assert await got(api, off["secret"]) == 200


@pytest.mark.req("AUTH-05", "AUTH-14")
async def test_a_rotated_key_has_two_secrets_for_as_long_as_was_said(api: Running) -> None:
    first = await made(api)
    second = (await api.socket.post(f"{KEYS}/ci/rotate", json={"grace_seconds": 3600})).json()
    assert second["id"] == first["id"]
    assert [await got(api, one["secret"]) for one in (first, second)] == [200, 200]
    third = (await api.socket.post(f"{KEYS}/ci/rotate")).json()
    assert [await got(api, one["secret"]) for one in (first, second, third)] == [401, 401, 200]


@pytest.mark.req("AUTH-04", "AUTH-22", "X-07")
async def test_permissions_are_what_the_key_says_now(api: Running) -> None:
    key = await made(api, permissions=["dht:read"])
    assert await got(api, key["secret"]) == 403
    changed = await api.socket.put(f"{KEYS}/ci", json={"permissions": ["reconcile:read"], "name": "CI"})
    assert (changed.json()["permissions"], changed.json()["name"]) == (["reconcile:read"], "CI")
    assert await got(api, key["secret"]) == 200
    assert await got(api, key["secret"], KEYS) == 403
    await api.socket.put(f"{KEYS}/ci", json={"permissions": ["admin"]})
    assert await got(api, key["secret"], KEYS) == 200


@pytest.mark.req("AUTH-19", "AUTH-20")
async def test_everybody_may_be_asked_who_they_are() -> None:
    async with running(api_key("ci", SECRET, "read"), api__require_auth=True) as api:
        await api.ready("apikey/ci")
        answer = await api.public.get(STATUS)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
        assert "api-key create" in answer.json()["remedy"]
        assert await got(api, SECRET) == 200
        for path in ("/health", "/api/v1/daemon/health", "/api/v1/openapi.json"):
            assert (await api.public.get(path)).status_code == 200
        assert (await api.internal.get("/status")).status_code == 401


@pytest.mark.req("AUTH-22", "DMN-03")
async def test_writes_over_tcp_are_switched_on_and_need_a_key() -> None:
    manifests = api_key("admin", secret("b"), "admin") + "---\n" + api_key("ci", SECRET, "read")
    async with running(manifests, api__writes=True) as api:
        await api.ready("apikey/ci", "apikey/admin")
        body = {"manifests": {"a.yaml": key("carol")}}
        for headers, status in (({}, 401), ({"X-API-Key": SECRET}, 403), ({"X-API-Key": secret("b")}, 202)):
            answer = await api.public.post("/api/v1/apply", json=body, headers=headers)
            assert answer.status_code == status, answer.text
        await api.ready("key/carol")
        stop = await api.public.post("/api/v1/daemon/shutdown", headers={"X-API-Key": SECRET})
        assert stop.status_code == 403
        assert not api.node.stopping.is_set()
        events = (await api.socket.get("/api/v1/events/history?type=operation.apply")).json()["data"]
        assert events[-1]["actor"] == "apikey/admin"


async def test_over_tcp_even_an_admin_writes_nothing_unless_that_is_switched_on() -> None:
    async with running(api_key("admin", SECRET, "admin")) as api:
        await api.ready("apikey/admin")
        answer = await api.public.post(
            "/api/v1/apply", json={"manifests": {"a.yaml": key("carol")}}, headers={"X-API-Key": SECRET}
        )
        assert answer.status_code == 403
        assert "api.writes" in answer.json()["remedy"]


@pytest.mark.req("AUTH-01", "ERR-04")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "permissions": ["service:write"]}, "/permissions/0"),
        ({"name": "x", "permissions": ["read", {"scope": "nope", "names": ["a"]}]}, "/permissions/1"),
        ({"name": "x", "permissions": [{"scope": "read", "names": "a"}]}, "/permissions/0"),
        ({"name": "x", "permissions": [7]}, "/permissions/0"),
        ({"name": "x", "permissions": []}, "/permissions"),
        ({"name": "x", "permissions": "read"}, "/permissions"),
        ({"name": "x", "permissions": ["read"], "expires_at": "soon"}, "/expires_at"),
        ({"name": "x", "permissions": ["read"], "rate_limit": {"burst": 1}}, "/rate_limit"),
        ({"name": "x", "permissions": ["read"], "rate_limit": {"per_minute": 0}}, "/rate_limit/per_minute"),
        ({"name": 5, "permissions": ["read"]}, "/name"),
        ({"permissions": ["read"]}, "/name"),
        ({"name": "x", "permissions": ["read"], "permission": []}, "/permission"),
    ],
)
async def test_what_is_wrong_is_pointed_at(api: Running, body: dict[str, Any], pointer: str) -> None:
    answer = await api.socket.post(KEYS, json=body)
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_what_the_kind_refuses_is_told_too(api: Running) -> None:
    for body in (
        {"name": "---", "permissions": ["read"]},
        {"name": "x", "permissions": [{"scope": "read"}]},
        {"name": "X" * 201, "permissions": ["read"]},
        {"name": "x", "permissions": ["read"], "rate_limit": {"per_minute": 10_000_000}},
    ):
        answer = await api.socket.post(KEYS, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), body


@pytest.mark.req("AUTH-01")
async def test_a_name_is_given_once_and_an_id_names_one(api: Running) -> None:
    first = await made(api, "CI", rate_limit={"per_minute": 600, "burst": 10}, expires_at=None)
    assert first["rate_limit"] == {"per_minute": 600, "burst": 10, "per_hour": None, "weight": 1}
    assert (await api.socket.post(KEYS, json={"name": "ci", "permissions": ["read"]})).status_code == 409
    other = await api.socket.post(f"{KEYS}?namespace=other", json={"name": "ci", "permissions": ["read"]})
    assert other.status_code == 201
    assert (await api.socket.get(f"{KEYS}/ci")).status_code == 409
    for name in ("other:ci", other.json()["id"]):
        assert (await api.socket.get(f"{KEYS}/{name}")).json()["id"] == other.json()["id"]
    same = await asyncio.gather(
        *(api.socket.post(KEYS, json={"name": "two", "permissions": ["read"]}) for _ in "ab")
    )
    assert sorted(answer.status_code for answer in same) == [201, 409]


async def test_what_a_source_declares_is_changed_there(api: Running) -> None:
    async with running(api_key("ci", SECRET, "read")) as node:
        await node.ready("apikey/ci")
        for answer in (
            await node.socket.delete(f"{KEYS}/ci"),
            await node.socket.post(f"{KEYS}/ci/rotate"),
            await node.socket.put(f"{KEYS}/ci", json={"enabled": False}),
        ):
            assert answer.status_code == 409
            assert "all.yaml" in answer.json()["detail"]
        assert (await node.socket.get(f"{KEYS}/ci")).json()["id"] == "ci"
        Path(node.source, "all.yaml").write_text(key("release"))
        async with asyncio.timeout(60):
            while await got(node, SECRET) != 401:  # noqa: ASYNC110 - a source is read by another task
                await asyncio.sleep(0.05)


@pytest.mark.req("AUTH-13", "AUTH-09")
async def test_when_a_key_was_used_last_is_known_after_a_restart() -> None:
    with scratch() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "all.yaml").write_text(
            api_key("ci", SECRET, "read") + "---\n" + api_key("new", secret("n"), "read")
        )
        settings = settings_in(Path(folder, "data"))
        told = []
        for asks in (True, False):
            async with living(settings, {"directory": {"path": str(source)}}) as node:
                keyring, listeners = node.keyring, node.desk.daemon.listeners
                await until(lambda: "public" in listeners and len(list(keyring.declared())) == 2)  # noqa: B023
                if asks:
                    async with httpx.AsyncClient(base_url=f"http://{listeners['public']}") as client:
                        await client.get(STATUS, headers={"X-API-Key": SECRET})
                told.append([one["last_used_at"] for one in node.desk.api_keys.every()])
        assert told[0] == told[1]
        assert told[0][0] is not None
        assert told[0][1] is None


async def heard_until_the_end(api: Running, found: dict[str, Any], ends: str, *, path: str) -> list[str]:
    """What a stream says that was opened with this key, after the key's end by this request."""
    lines: list[str] = []
    headers = {"X-API-Key": found["secret"]}
    async with asyncio.timeout(60), api.public.stream("GET", path, headers=headers) as live:
        assert live.status_code == 200
        async for line in live.aiter_lines():
            if not lines:
                method, _, body = ends.partition(" ")
                asked = {"enabled": False} if body else None
                ended = await api.socket.request(method, f"{KEYS}/{found['id']}", json=asked)
                assert ended.is_success
            lines.append(line)
    return lines


@pytest.mark.req("AUTH-03", "AUTH-13")
@pytest.mark.parametrize("ends", ["DELETE", "PUT disabled"])
async def test_a_key_that_ends_takes_its_streams_with_it(api: Running, ends: str) -> None:
    other = await made(api, "other")
    async with api.public.stream("GET", "/api/v1/events", headers={"X-API-Key": other["secret"]}) as stays:
        said = await heard_until_the_end(api, await made(api), ends, path="/api/v1/events")
        assert said[-3:-1] == ["event: stream.end", 'data: {"reason":"the API key counts no more"}']
        assert stays.status_code == 200
        written = await made(api, "third")
        async for line in stays.aiter_lines():
            if written["ref"] in line:
                break


@pytest.mark.req("AUTH-03")
async def test_it_takes_its_websockets_with_it_too(api: Running) -> None:
    found = await made(api)
    headers = {"X-API-Key": found["secret"]}
    async with connected(api, **headers) as link:
        await say(link, "ping")
        assert (await hear(link))["event"] == "stream.pong"
        await api.socket.delete(f"{KEYS}/{found['id']}")
        last = (await until_end(link))[-1]
        assert (last["event"], last["data"]) == ("stream.end", {"reason": "the API key counts no more"})
        assert link.close_code == 4401
