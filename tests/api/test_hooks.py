"""Push hooks: who knows the secret makes the source fetch at once, and nobody else learns a thing."""

from __future__ import annotations

import asyncio
import hmac
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path

import httpx
import pytest

from reconciler.drivers.keystore.values import encrypted
from reconciler.model import Event, Ref
from tests.api.nodes import Running, key, running, until
from tests.saving import save
from tests.sources.git.repository import Repository

pytestmark = pytest.mark.req("CORE-04")

SECRET = "3f9a-not-a-real-one"
BODY = json.dumps({"ref": "refs/heads/main", "after": "0" * 40}).encode()
BEARER = {"Authorization": f"Bearer {SECRET}"}


def signature(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


FORGES = {
    "GitHub": {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature()}"},
    "Bitbucket": {"X-Hub-Signature": f"sha256={signature()}"},
    "Gitea": {"X-Gitea-Event": "push", "X-Gitea-Signature": signature()},
    "Forgejo": {"X-Forgejo-Signature": signature(), "X-Gitea-Signature": signature()},
    "Gogs": {"X-Gogs-Signature": signature()},
    "a program of ours": {"X-Holdfast-Signature": f"sha256={signature()}"},
    "a program for K1Node": {"X-K1Node-Signature": f"sha256={signature()}"},
    "GitLab": {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET},
    "a script": BEARER,
    "a script in capitals": {"Authorization": f"BEARER  {SECRET}"},
}
STRANGERS = {
    "nobody": {},
    "another secret": {"X-Hub-Signature-256": f"sha256={signature(secret='guessed')}"},
    "another body": {"X-Hub-Signature-256": f"sha256={signature(b'{}')}"},
    "SHA-1": {"X-Hub-Signature": f"sha1={hmac.new(SECRET.encode(), BODY, sha1).hexdigest()}"},
    "an empty signature": {"X-Hub-Signature-256": "sha256="},
    "half a signature": {"X-Gitea-Signature": signature()[:32]},
    "no hex": {"X-Gitea-Signature": "\xff" * 64},
    "the secret as a signature": {"X-Hub-Signature-256": SECRET},
    "a signature as the token": {"X-Gitlab-Token": signature()},
    "half a token": {"X-Gitlab-Token": SECRET[:-1]},
    "an empty token": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": f"Basic {SECRET}"},
}


@dataclass(frozen=True, slots=True)
class Told:
    api: Running
    file: Path

    async def hook(
        self, headers: dict[str, str], *, source: str = "root", body: bytes = BODY
    ) -> httpx.Response:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return await self.api.public.post(f"/api/v1/hooks/{source}", content=body, headers=raw)

    async def operations(self) -> int:
        return len(await self.api.node.store.operations(1000))

    async def received(self) -> list[Event]:
        log = await self.api.node.store.events(0, 1000)
        return [event for event in log if event.name == "webhook.received"]

    async def declare(self, name: str) -> None:
        save(Path(self.api.source, f"{name}.yaml"), key(name))


@asynccontextmanager
async def hooked(secret: str = SECRET + "\n") -> AsyncIterator[Told]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(secret)
        file.flush()
        async with running(api__hook_secret_file=file.name) as api:
            await api.ready("key/release", "source/root")
            yield Told(api, Path(file.name))


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    async with hooked() as found:
        yield found


@pytest.mark.req("EVT-06", "X-29", "X-30")
@pytest.mark.parametrize("forge", FORGES)
async def test_each_forge_proves_itself_in_its_own_way(told: Told, forge: str) -> None:
    answer = await told.hook(FORGES[forge])
    assert (answer.status_code, answer.json()) == (202, {"source": "root", "fetch": "now"})
    (operation,) = await told.api.node.store.operations(10)
    assert (operation.kind, operation.actor) == ("push", "hook")
    (event,) = await told.received()
    assert (event.actor, event.data["source"], event.data["fetch"]) == ("hook", "root", "now")


async def test_a_stranger_is_refused_and_learns_nothing(told: Told) -> None:
    refused = [await told.hook(headers) for headers in STRANGERS.values()]
    refused += [await told.hook(BEARER, source="nowhere"), await told.hook(BEARER, source="..root")]
    refused.append(await told.hook(FORGES["GitHub"], body=BODY + b" "))
    assert {answer.status_code for answer in refused} == {401}
    alike = {"detail", "code", "remedy", "title", "type"}
    assert len({json.dumps({name: one.json()[name] for name in sorted(alike)}) for one in refused}) == 1
    assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
    assert not [answer for answer in refused if SECRET in answer.text]
    assert await told.operations() == 0
    assert await told.received() == []


async def test_it_fetches_at_once(told: Told) -> None:
    await told.declare("carol")
    assert (await told.hook(FORGES["Gitea"])).status_code == 202
    await told.api.ready("key/carol")


async def test_a_flood_and_a_replay_cost_one_look_a_second_and_no_hook_is_lost(told: Told) -> None:
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(told.hook(FORGES["GitHub"]) for _ in range(200)))
    took_s = asyncio.get_running_loop().time() - began
    assert {answer.status_code for answer in answers} == {202}
    fetches = [answer.json()["fetch"] for answer in answers]
    assert 1 <= fetches.count("now") <= 2 + took_s
    assert await told.operations() == fetches.count("now")
    await told.declare("dave")
    await told.hook(FORGES["GitHub"])
    await told.api.ready("key/dave")


async def test_where_there_is_no_secret_nothing_is_a_proof(api: Running) -> None:
    for secret in ("", SECRET):
        headers = {"X-Hub-Signature-256": f"sha256={signature(secret=secret)}"}
        answer = await api.public.post("/api/v1/hooks/root", content=BODY, headers=headers)
        assert answer.status_code == 401
    async with hooked(" \n") as empty:
        assert (await empty.hook({"Authorization": "Bearer"})).status_code == 401
        assert (await empty.hook({"X-Gitea-Signature": signature(secret="")})).status_code == 401


async def test_a_secret_that_cannot_be_read_is_told_to_the_owner_alone(told: Told) -> None:
    told.file.rename(f"{told.file}.aside")
    try:
        answer = await told.hook(BEARER)
        assert answer.status_code == 401
        assert str(told.file) not in answer.text
        (warning,) = told.api.node.desk.daemon.warnings
        assert "push hooks of source root cannot be checked" in warning
        assert str(told.file) in warning
        await told.hook(BEARER)
    finally:
        Path(f"{told.file}.aside").rename(told.file)
    assert (await told.hook(BEARER)).status_code == 202
    assert told.api.node.desk.daemon.warnings == []


async def test_it_comes_through_a_proxy_under_any_name(told: Told) -> None:
    host = {"Host": "hooks.example.org"}
    assert (await told.hook({**FORGES["GitHub"], **host})).status_code == 202
    assert (await told.api.public.get("/api/v1/status", headers=host)).status_code == 403
    assert (await told.api.public.get("/api/v1/hooks/../status", headers=host)).status_code in {403, 404}
    assert (await told.api.public.get("/api/v1/hooks/root", headers=host)).status_code == 405


async def test_only_the_public_listener_and_the_socket_take_hooks(told: Told) -> None:
    answer = await told.api.internal.post("/api/v1/hooks/root", content=BODY, headers=FORGES["GitHub"])
    assert answer.status_code == 404
    answer = await told.api.socket.post("/api/v1/hooks/root", content=BODY, headers=FORGES["GitHub"])
    assert answer.status_code == 202
    answer = await told.api.socket.post("/api/v1/hooks/root", content=BODY)
    assert answer.status_code == 401, "the owner proves it too: a secret is a secret"


async def test_a_large_hook_is_taken_and_a_larger_one_is_not(told: Told) -> None:
    large = b"x" * (20 << 20)
    answer = await told.hook({"X-Gitea-Signature": signature(large)}, body=large)
    assert answer.status_code == 202
    answer = await told.hook(BEARER, body=b"x" * (26 << 20))
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.req("X-35")
@pytest.mark.needs("git")
async def test_the_secret_may_be_a_resource(tmp_path: Path) -> None:
    """A real repository that names a `Secret` of the node: what is pushed there is fetched at once."""
    repository = Repository(tmp_path / "repository")
    repository.commit({"a.yaml": key("first")})
    async with running(key("release")) as api:
        secrets = api.node.drivers.keystore.secrets
        sealed = encrypted(SECRET.encode(), [api.node.drivers.keystore.recipient])
        manifest = f"""\
apiVersion: holdfast.dev/v1
kind: Source
metadata: {{name: machine}}
spec:
  interval: 1h
  git:
    url: {repository.folder}
    hook: {{secret: forge, key: hook}}
"""
        save(api.source / "machine.yaml", manifest)
        await api.ready("source/machine", "key/first")
        told = Told(api, tmp_path)
        assert (await told.hook(FORGES["GitHub"], source="machine")).status_code == 401
        assert "Secret" in api.node.desk.daemon.warnings[0] or "secret" in api.node.desk.daemon.warnings[0]
        forge = {"apiVersion": "holdfast.dev/v1", "kind": "Secret", "metadata": {"name": "forge"}}
        save(api.source / "forge.yaml", json.dumps({**forge, "spec": {"encrypted": {"hook": sealed}}}))
        await api.ready("secret/forge")
        assert secrets.versions(Ref("Secret", "default", "forge")).keys() == {"hook"}
        repository.commit({"b.yaml": key("second")})
        assert (await told.hook(FORGES["GitHub"], source="machine")).status_code == 202
        await api.ready("key/second")
        await until(lambda: not api.node.desk.daemon.warnings)
        log = await api.node.store.events(0, 1000)
        assert not [event for event in log if SECRET in str(event.data)]
