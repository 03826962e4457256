"""A write that is sent twice under one key is done once, over a restart and at the same time, too."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from httpx import HTTPError

from tests.api.nodes import Running, asking, key, living, running, scratch, settings_in
from tests.api.test_changes import bundle
from tests.api.test_errors import is_problem
from tests.node.running import PATIENCE_S, running_node, until

SUSPENDED = {"ref": "key/bob", "patch": {"suspend": True}}
KEY = {"Idempotency-Key": "one-and-only"}


async def test_the_first_answer_is_told_again(api: Running) -> None:
    first = await api.socket.post("/api/v1/overrides", json=SUSPENDED, headers=KEY)
    again = await api.socket.post("/api/v1/overrides", json=SUSPENDED, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["idempotency-expires"] == first.headers["idempotency-expires"]
    said = (await api.socket.get("/api/v1/events/history?type=override.set")).json()["data"]
    assert len(said) == 1
    other = await api.socket.post("/api/v1/overrides", json=SUSPENDED, headers={"Idempotency-Key": "another"})
    assert other.json()["id"] != first.json()["id"]


async def test_another_request_under_the_same_key_is_refused(api: Running) -> None:
    await api.socket.post("/api/v1/overrides", json=SUSPENDED, headers=KEY)
    for path, body in (("/api/v1/overrides", {**SUSPENDED, "reason": "x"}), ("/api/v1/reconcile", SUSPENDED)):
        told = is_problem(await api.socket.post(path, json=body, headers=KEY))
        assert (told["status"], told["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_what_was_refused_may_be_mended_under_the_same_key(api: Running) -> None:
    wrong = await api.socket.post("/api/v1/overrides", json={**SUSPENDED, "for": "soon"}, headers=KEY)
    assert is_problem(wrong)["code"] == "INVALID_FIELD"
    mended = await api.socket.post("/api/v1/overrides", json={**SUSPENDED, "for": "1h"}, headers=KEY)
    assert mended.status_code == 201


async def test_of_many_at_once_one_is_done(api: Running) -> None:
    asked = [api.socket.post("/api/v1/apply", json=bundle(key("carol")), headers=KEY) for _ in range(10)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {202, 409}
    done = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(done) == 1
    late = await api.socket.post("/api/v1/apply", json=bundle(key("carol")), headers=KEY)
    assert {late.json()["id"]} == done


async def test_the_answer_is_known_after_a_restart() -> None:
    ids = []
    with scratch() as folder:
        settings = settings_in(Path(folder))
        for _ in range(2):
            async with living(settings), asking(str(settings.socket)) as client:
                answer = await client.post("/api/v1/apply", json=bundle(key("carol")), headers=KEY)
                assert answer.status_code == 202, answer.text
                ids.append(answer.json()["id"])
    assert ids[0] == ids[1]


async def test_what_the_nodes_end_has_cut_off_is_not_done_again() -> None:
    with running_node() as node:
        node.start()
        until(node.answers, "it is up")
        until(lambda: bool(node.source("inbox").get("revision")), "the inbox is there")
        socket = str(node.data / "holdfast.sock")
        with (node.data / "inbox" / ".lock").open() as inbox:
            fcntl.flock(inbox, fcntl.LOCK_EX)  # as another writer: what is asked for is at work until it ends
            async with asking(socket) as client:
                asked = asyncio.create_task(
                    client.post("/api/v1/apply", json=bundle(key("carol")), headers=KEY)
                )
                async with asyncio.timeout(PATIENCE_S):
                    while not _noted(node.data):  # noqa: ASYNC110 - by another process
                        await asyncio.sleep(0.01)
                node.kill()
                with pytest.raises(HTTPError):
                    await asked
        node.start()
        until(node.answers, "it is up again")
        async with asking(socket) as client:
            told = is_problem(await client.post("/api/v1/apply", json=bundle(key("carol")), headers=KEY))
            assert (told["status"], told["code"]) == (409, "IDEMPOTENCY_IN_DOUBT")
            assert "another key" in str(told["remedy"])
            other = is_problem(await client.post("/api/v1/apply", json=bundle(key("x")), headers=KEY))
            assert other["code"] == "IDEMPOTENCY_KEY_REUSED"
            assert not (await client.get("/api/v1/resources?kind=key")).json()["data"], "it was not done"
            anew = await client.post(
                "/api/v1/apply", json=bundle(key("carol")), headers={"Idempotency-Key": "another"}
            )
            assert anew.status_code == 202


def _noted(data: Path) -> bool:
    with closing(sqlite3.connect(data / "holdfast.db")) as store:
        return bool(store.execute("SELECT count(*) FROM notes WHERE key LIKE 'answer %'").fetchone()[0])


async def test_each_caller_has_keys_of_its_own() -> None:
    async with running(api__writes=True) as api:
        await api.ready("key/release")
        made = await api.socket.post("/api/v1/auth/keys", json={"name": "ci", "permissions": ["admin"]})
        body = {"ref": "key/release", "patch": {"suspend": True}}
        mine = await api.socket.post("/api/v1/overrides", json=body, headers=KEY)
        headers = {**KEY, "X-API-Key": made.json()["secret"]}
        theirs = await api.public.post("/api/v1/overrides", json=body, headers=headers)
        assert theirs.status_code == 201, theirs.text
        assert theirs.json()["id"] != mine.json()["id"]


@pytest.mark.parametrize("given", ["", "a b", "ä", "x" * 256])
async def test_what_is_no_key_is_refused(api: Running, given: str) -> None:
    headers = {b"Idempotency-Key": given.encode()}
    told = is_problem(await api.socket.post("/api/v1/reconcile", headers=headers))
    assert told["errors"][0]["pointer"] == "/header/Idempotency-Key"  # type: ignore[index]


async def test_an_answer_with_a_secret_is_not_kept(api: Running) -> None:
    body = {"name": "ci", "permissions": ["read"]}
    told = is_problem(await api.socket.post("/api/v1/auth/keys", json=body, headers=KEY))
    assert "secret" in str(told["detail"])
