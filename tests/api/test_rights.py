"""Each ref is checked: lists show what one may see, writes reach what one may write, a dry run likewise."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.nodes import Running, api_key, key, running, secret

SERVICE = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {{name: {name}, labels: {{app: {app}}}}}
spec: {{command: [sleep, "1000"]{more}}}
"""
KEEPER = """[{scope: "keys:write", names: ["bob*"]}]"""
SHOP = """[{scope: "services:write", labels: {app: shop}}, {scope: "reconcile:write", labels: {app: shop}}]"""
PERMISSIONS = {
    "a": ("admin", "[admin]"),
    "k": ("keeper", KEEPER),
    "s": ("shop", SHOP),
    "w": ("operator", "[operator]"),
    "t": ("team", "[{scope: read, namespaces: [team]}]"),
}


def service(name: str, app: str, more: str = "") -> str:
    return SERVICE.format(name=name, app=app, more=more)


def manifests() -> str:
    keys = [api_key(name, secret(letter), given[1:-1]) for letter, (name, given) in PERMISSIONS.items()]
    things = [key("alice"), key("bob"), service("web", "shop"), service("mail", "post")]
    return "---\n".join((*keys, *things))


@pytest.fixture
async def node() -> AsyncIterator[Running]:
    async with running(manifests(), api__writes=True) as found:
        await found.ready(
            "key/alice", "key/bob", "service/web", "service/mail", "apikey/admin", "source/root"
        )
        yield found
        found.node.ends_services = True


async def asked(node: Running, letter: str, method: str, path: str, body: object = None) -> httpx.Response:
    headers = {"X-API-Key": secret(letter)}
    return await node.public.request(method, f"/api/v1{path}", json=body, headers=headers)


async def applied(node: Running, letter: str, text: str, **more: object) -> int:
    """The same is said by a rehearsal and by the act."""
    body = {"manifests": {"a.yaml": text}, **more}
    rehearsed = await asked(node, letter, "POST", "/apply?dryRun=true", body)
    done = await asked(node, letter, "POST", "/apply", body)
    assert (rehearsed.status_code, done.status_code) in {(200, 202), (403, 403), (409, 409)}
    return done.status_code


@pytest.mark.req("AUTH-26", "AUTH-25")
async def test_a_list_shows_what_one_may_see(node: Running) -> None:
    async def seen(letter: str, path: str = "/resources/all") -> set[str]:
        answer = await asked(node, letter, "GET", path)
        return {
            f"{one['kind']}/{one.get('name') or one['metadata']['name']}" for one in answer.json()["data"]
        }

    both = {"Service/web", "Service/mail", "Key/alice", "Key/bob", "Source/root", "Source/inbox"}
    assert await seen("w") == both
    assert await seen("a") == both | {f"ApiKey/{name}" for name, _ in PERMISSIONS.values()}
    assert await seen("k") == await seen("k", "/status/all") == {"Key/bob"}
    assert await seen("s") == {"Service/web"}
    assert await seen("t") == set()
    usage = await asked(node, "s", "GET", "/metrics/services")
    assert [one["name"] for one in usage.json()["data"]] == ["web"]
    assert (await asked(node, "k", "GET", "/sources")).json()["data"] == []


@pytest.mark.req("AUTH-26", "AUTH-27")
async def test_what_one_may_not_see_is_refused_alike_whether_it_is_there(node: Running) -> None:
    for name in ("alice", "nobody"):
        for path in ("", "/plans", "/causes", "/logs"):
            answer = await asked(node, "k", "GET", f"/resources/key/default/{name}{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), path
        assert (await asked(node, "k", "GET", f"/status/key/{name}")).status_code == 403
    assert (await asked(node, "k", "GET", "/resources/key/default/bob")).status_code == 200
    assert (await asked(node, "k", "GET", "/sources/root/revisions")).status_code == 403
    assert (await asked(node, "k", "GET", "/services/web/metrics")).status_code == 403
    assert (await asked(node, "s", "GET", "/resources/service/default/web/logs?tail=1")).status_code == 200
    for path in ("/status", "/graph", "/events/history", "/kinds", "/daemon/stats"):
        assert (await asked(node, "k", "GET", path)).status_code == 403, "it is about all"


@pytest.mark.req("AUTH-26")
async def test_one_writes_what_one_may_and_nothing_else(node: Running) -> None:
    assert await applied(node, "k", key("bobby")) == 202
    assert await applied(node, "k", key("carol")) == 403
    assert await applied(node, "k", key("bobina") + "---\n" + key("carol")) == 403
    assert await applied(node, "s", service("new", "shop")) == 202
    assert await applied(node, "s", service("new", "post")) == 403, "nor may it leave what one may"
    assert await applied(node, "s", service("mail", "shop")) == 403, "nor be drawn into it"
    needs = service("newer", "shop", ", dependsOn: [key/alice]")
    assert await applied(node, "s", needs) == 403, "nor may it name what one may not see"
    assert await applied(node, "w", needs) == 202
    assert await applied(node, "w", api_key("mine", secret("m"), "admin")) == 403
    assert await applied(node, "a", api_key("mine", secret("m"), "admin")) == 202
    source = "{apiVersion: holdfast.dev/v1, kind: Source, metadata: {name: x}, spec: {directory: {path: /x}}}"
    assert await applied(node, "w", source) == 403, "who names sources declares anything"


@pytest.mark.req("AUTH-26")
async def test_what_a_set_prunes_is_written_too(node: Running) -> None:
    assert await applied(node, "a", key("bobby") + "---\n" + key("carol"), set="both") == 202
    assert await applied(node, "k", key("bobby"), set="both", prune=True) == 403
    assert await applied(node, "a", key("bobby"), set="both", prune=True) == 202


@pytest.mark.req("AUTH-26")
async def test_to_compare_takes_no_more_than_sight(node: Running) -> None:
    for letter, name, status in (
        ("k", "bob", 200),
        ("k", "alice", 403),
        ("t", "bob", 403),
        ("w", "alice", 200),
    ):
        answer = await asked(node, letter, "POST", "/diff", {"manifests": {"a.yaml": key(name)}})
        assert answer.status_code == status


@pytest.mark.req("AUTH-26")
async def test_each_verb_asks_for_its_permission(node: Running) -> None:
    suspend = {"patch": {"suspend": True}}
    verbs = [
        ("s", "POST", "/overrides", {"ref": "service/web", **suspend}, 201),
        ("s", "POST", "/overrides", {"ref": "service/mail", **suspend}, 403),
        ("s", "DELETE", "/overrides/service/default/web", None, 204),
        ("s", "POST", "/overrides", {"ref": "service/web", "patch": {"command": ["true"]}}, 201),
        ("k", "DELETE", "/overrides/service/default/web", None, 403),
        ("k", "POST", "/overrides", {"ref": "key/bob", **suspend}, 403),
        ("s", "POST", "/reconcile", {"refs": ["service/web"]}, 202),
        ("s", "POST", "/reconcile", {"refs": ["service/web", "service/mail"]}, 403),
        ("w", "POST", "/reconcile", {"allow_prune": True}, 403),
        ("w", "POST", "/reconcile", {}, 202),
        ("a", "POST", "/reconcile", {"allow_prune": True}, 202),
        ("w", "POST", "/sources/root/push", {}, 202),
        ("s", "POST", "/sources/root/push", {}, 403),
        ("k", "POST", "/delete", {"refs": ["key/alice"]}, 403),
        ("k", "DELETE", "/resources/key/default/alice", None, 403),
        ("k", "DELETE", "/resources/key/default/bob", None, 409),
        ("w", "POST", "/daemon/shutdown", {}, 403),
        ("w", "GET", "/auth/keys", None, 403),
    ]
    for letter, method, path, body, status in verbs:
        answer = await asked(node, letter, method, path, body)
        assert answer.status_code == status, (letter, method, path, body, answer.text)
    assert (await asked(node, "k", "GET", "/overrides")).json()["data"] == []
    assert len((await asked(node, "s", "GET", "/overrides")).json()["data"]) == 1
