"""Tags: what is known already is not told again, and what was seen otherwise is not written over."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.conditional import tag_of
from tests.api.nodes import Running, key, running
from tests.api.test_errors import is_problem

BOB = "/api/v1/resources/key/default/bob"
CAROL = "/api/v1/resources/key/default/carol"
OVERRIDE = "/api/v1/overrides/key/default/bob"
READS = (
    "/api/v1/resources", "/api/v1/resources/all", "/api/v1/status/all", "/api/v1/kinds",
    "/api/v1/sources/root", "/api/v1/graph", "/api/v1/status", "/api/v1/openapi.json",
    "/api/v1/status/key/bob",
    BOB, f"{BOB}/plans",
)  # fmt: skip
YAML = {"Content-Type": "application/yaml"}


@pytest.mark.parametrize("path", READS)
async def test_what_is_known_already_is_not_told_again(api: Running, path: str) -> None:
    first = await api.public.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for given_tag in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await api.public.get(path, headers={"If-None-Match": given_tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), given_tag
        assert "content-type" not in again.headers
    for other in ('"other"', "", tag[:-2] + 'x"', tag.strip('W/"')):
        assert (await api.public.get(path, headers={"If-None-Match": other})).status_code == 200, other
    assert (await api.socket.get(path)).headers["etag"] == tag, "whoever asks"
    assert (await api.public.head(path)).headers["etag"] == tag


async def test_what_has_changed_is_told_anew(api: Running) -> None:
    paths = (BOB, "/api/v1/resources", "/api/v1/status/all", "/api/v1/overrides")
    before = {path: (await api.public.get(path)).headers["etag"] for path in paths}
    await api.socket.post("/api/v1/overrides", json={"ref": "key/bob", "patch": {"suspend": True}})
    for path in paths:
        again = await api.public.get(path, headers={"If-None-Match": before[path]})
        assert again.status_code == 200, path
        assert again.headers["etag"] != before[path]


async def test_what_is_no_document_has_no_tag(api: Running) -> None:
    missing = await api.public.get("/api/v1/resources/key/default/nobody", headers={"If-None-Match": "*"})
    assert is_problem(missing)["code"] == "NOT_FOUND"
    assert "etag" not in missing.headers
    assert missing.headers["cache-control"] == "no-store"


def test_ages_that_pass_are_no_news() -> None:
    said = b'{"last_pass_age_s":%s,"uptime_s":%s,"message":%s}'
    assert tag_of(said % (b"1.5", b"7", b'"a"')) == tag_of(said % (b"null", b"8", b'"a"'))
    assert tag_of(said % (b"1.5", b"7", b'"a"')) != tag_of(said % (b"1.5", b"7", b'"b"'))


async def test_a_write_is_done_only_while_things_are_as_they_were_seen(api: Running) -> None:
    await api.socket.post("/api/v1/apply", content=key("carol"), headers=YAML)
    await api.ready("key/carol")
    seen = (await api.socket.get(CAROL)).headers["etag"]
    await api.socket.post("/api/v1/overrides", json={"ref": "key/carol", "patch": {"suspend": True}})
    late = await api.socket.delete(CAROL, headers={"If-Match": seen})
    assert is_problem(late)["code"] == "PRECONDITION_FAILED"
    now = (await api.socket.get(CAROL)).headers["etag"]
    assert late.headers["etag"] == now
    assert (await api.socket.delete(CAROL, headers={"If-Match": now})).status_code == 202


async def test_an_override_is_taken_back_only_as_it_was_seen(api: Running) -> None:
    asked = {"ref": "key/bob", "patch": {"suspend": True}}
    await api.socket.post("/api/v1/overrides", json=asked)
    seen = (await api.socket.get(OVERRIDE)).headers["etag"]
    await api.socket.post("/api/v1/overrides", json={**asked, "reason": "another one's"})
    late = await api.socket.delete(OVERRIDE, headers={"If-Match": seen})
    assert is_problem(late)["code"] == "PRECONDITION_FAILED"
    assert (await api.socket.get(OVERRIDE)).json()["reason"] == "another one's"
    assert (await api.socket.delete(OVERRIDE, headers={"If-Match": "*"})).status_code == 204
    gone = await api.socket.delete(OVERRIDE, headers={"If-Match": seen})
    assert is_problem(gone)["code"] == "NOT_FOUND"


async def test_of_many_who_saw_the_same_one_writes(api: Running) -> None:
    asked = {"ref": "key/bob", "patch": {"suspend": True}}
    for _ in range(10):
        await api.socket.post("/api/v1/overrides", json=asked)
        seen = {"If-Match": (await api.socket.get(OVERRIDE)).headers["etag"]}
        answers = await asyncio.gather(
            api.socket.delete(OVERRIDE, headers=seen),
            api.socket.post("/api/v1/overrides", json={**asked, "reason": "meanwhile"}),
            api.socket.delete(OVERRIDE, headers=seen),
        )
        taken = [answer.status_code for answer in (answers[0], answers[2])]
        assert answers[1].status_code == 201
        assert sorted(taken) in ([204, 404], [204, 412], [412, 412])
        left = await api.socket.get(OVERRIDE)
        assert left.status_code == 404 or left.json()["reason"] == "meanwhile"


async def test_a_condition_that_is_not_kept_is_refused(api: Running) -> None:
    told = is_problem(await api.socket.post("/api/v1/reconcile", headers={"If-Match": '"x"'}))
    assert told["errors"][0]["pointer"] == "/header/If-Match"  # type: ignore[index]


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_text_is_a_condition(api: Running, condition: str) -> None:
    headers = {"If-None-Match": condition.strip(), "If-Match": condition.strip()}
    assert (await api.socket.get(BOB, headers=headers)).status_code in {200, 304}
    assert (await api.socket.delete(OVERRIDE, headers=headers)).status_code == 404


@pytest.mark.req("AUTH-04", "AUTH-05", "AUTH-03")
async def test_of_two_who_change_a_key_the_second_is_told() -> None:
    keys = "/api/v1/auth/keys"
    async with running(limits__enabled=False) as api:
        made = (await api.socket.post(keys, json={"name": "ci", "permissions": ["read"]})).json()
        seen = (await api.socket.get(f"{keys}/ci")).headers["etag"]
        used = await api.public.get("/api/v1/status", headers={"X-API-Key": made["secret"]})
        assert used.status_code == 200
        assert (await api.socket.get(f"{keys}/ci")).headers["etag"] == seen, "its use is no change"
        first = await api.socket.patch(f"{keys}/ci", json={"enabled": False}, headers={"If-Match": seen})
        assert first.status_code == 200
        for ask in (
            api.socket.put(f"{keys}/ci", json={"enabled": True}, headers={"If-Match": seen}),
            api.socket.post(f"{keys}/ci/rotate", headers={"If-Match": seen}),
            api.socket.delete(f"{keys}/ci", headers={"If-Match": seen}),
        ):
            told = is_problem(await ask)
            assert (told["status"], told["code"]) == (412, "PRECONDITION_FAILED")
        now = await api.socket.get(f"{keys}/ci")
        assert now.json()["enabled"] is False
        gone = await api.socket.delete(f"{keys}/ci", headers={"If-Match": now.headers["etag"]})
        assert gone.status_code == 204
