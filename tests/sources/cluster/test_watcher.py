"""The mirror holds what the API server has, whatever happens on the way: cut, refused, late, logged out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from reconciler.errors import Invalid, NotFound, Refused, Unauthorized, Unavailable
from reconciler.model import Ref
from reconciler.runtime.clock import SystemClock
from reconciler.sources.cluster.client import Client, Expired
from reconciler.sources.cluster.connection import Login
from reconciler.sources.cluster.mirror import Mirror
from reconciler.sources.cluster.objects import collection
from reconciler.sources.cluster.watcher import Watcher, part
from tests.sources.cluster.apiserver import ADMIN, Cluster, custom
from tests.sources.cluster.between import between

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]


@asynccontextmanager
async def watched(client: Client, namespace: str, kind: str = "Key") -> AsyncIterator[Mirror]:
    mirror = Mirror([part(kind, namespace)])
    async with running(Watcher(client, mirror, SystemClock(), (kind, namespace))):
        yield mirror


@asynccontextmanager
async def running(one: Watcher) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(mirror: Mirror, holds: Callable[[], bool]) -> None:
    """Look whenever the mirror tells of something."""
    news = asyncio.Event()
    mirror.subscribe(news.set)
    async with asyncio.timeout(60):
        while not holds():
            news.clear()
            await news.wait()


def key(cluster: Cluster, namespace: str, name: str) -> Ref:
    cluster.apply(custom("Key", namespace, name, role="creator", generate=True))
    return Ref("Key", namespace, name)


async def test_it_follows_what_comes_changes_and_goes(
    client: Client, cluster: Cluster, namespace: str
) -> None:
    first = key(cluster, namespace, "first")
    async with watched(client, namespace) as mirror:
        with pytest.raises(Unavailable, match="are being listed"):
            mirror.check()
        await until(mirror, lambda: mirror.whole)
        mirror.check()
        assert [one.ref for one in mirror] == [first]
        second = key(cluster, namespace, "second")
        await until(mirror, lambda: mirror.get(second) is not None)
        cluster.patch(f"{namespace}/keys/first", {"spec": {"role": "maintainer"}})
        await until(mirror, lambda: b"maintainer" in _text(mirror, first))
        cluster.delete(f"{namespace}/keys/second")
        await until(mirror, lambda: mirror.get(second) is None)


async def test_a_cut_watch_loses_nothing_and_lists_nothing_anew(
    log_in: Callable[..., Login], cluster: Cluster, namespace: str
) -> None:
    async with (
        between(cluster.port) as way,
        Client(lambda: log_in(port=way.port)) as client,
        watched(client, namespace) as mirror,
    ):
        first = key(cluster, namespace, "first")
        await until(mirror, lambda: mirror.get(first) is not None)
        await way.go_away()
        await until(mirror, lambda: _away(mirror))
        assert mirror.get(first) is not None, "what was seen last stays"
        second = key(cluster, namespace, "second")
        cluster.delete(f"{namespace}/keys/first")
        await way.open()
        await until(mirror, lambda: mirror.get(second) is not None and mirror.get(first) is None)
        await until(mirror, lambda: not _away(mirror))


async def test_who_comes_too_late_is_told_and_lists_anew(
    client: Client, cluster: Cluster, namespace: str
) -> None:
    key(cluster, namespace, "first")
    with pytest.raises(Expired):
        async for _ in client.watch(collection("Key", namespace), "1"):
            pass
    mirror = Mirror([part("Key", namespace)])
    late = Watcher(client, mirror, SystemClock(), ("Key", namespace))
    late._version, late._listed_at = "1", SystemClock().monotonic()
    async with running(late):
        await until(mirror, lambda: mirror.get(Ref("Key", namespace, "first")) is not None)
        assert mirror.whole


async def test_a_list_comes_in_pages_whole(client: Client, cluster: Cluster, namespace: str) -> None:
    refs = {key(cluster, namespace, f"k{n}") for n in range(7)}
    mirror = Mirror([part("Key", namespace)])
    async with running(Watcher(client, mirror, SystemClock(), ("Key", namespace), page=3)):
        await until(mirror, lambda: mirror.whole)
        assert {one.ref for one in mirror} == refs


async def test_a_kind_that_is_not_defined_is_named_with_the_remedy(
    log_in: Callable[..., Login], namespace: str
) -> None:
    async with Client(lambda: log_in(ADMIN)) as admin, watched(admin, namespace, "Nothing") as mirror:
        await until(mirror, lambda: _away(mirror, "knows no nothings: apply manifests/crds first"))
        assert not mirror.whole


async def test_credentials_that_have_expired_are_read_anew(
    log_in: Callable[..., Login], namespace: str
) -> None:
    tokens = iter(["expired", "operator-token", "expired", "expired"])
    async with Client(lambda: log_in(next(tokens))) as client:
        path = collection("Key", namespace)
        assert (await client.get(path))["kind"] == "KeyList"
        client.login = log_in("expired")
        await client._end()
        with pytest.raises(Unauthorized, match="log in anew"):
            await client.get(path)


async def test_a_watch_reads_its_credentials_anew_too(
    log_in: Callable[..., Login], cluster: Cluster, namespace: str
) -> None:
    tokens = iter(["expired", "operator-token"])
    first = key(cluster, namespace, "first")
    async with Client(lambda: log_in(next(tokens))) as client:
        with pytest.raises(Unauthorized):
            async for _ in client.watch(collection("Key", namespace), "0"):
                pass
        async with watched(client, namespace) as mirror:
            await until(mirror, lambda: mirror.get(first) is not None)


async def test_what_the_server_refuses_is_told_in_our_own_errors(
    client: Client, log_in: Callable[..., Login], namespace: str
) -> None:
    with pytest.raises(Refused, match="secrets is forbidden") as refused:
        await client.get("/api/v1/secrets")
    assert "rbac.yaml" in refused.value.remedy
    with pytest.raises(NotFound):
        await client.get(f"{collection('Key', namespace)}/nobody")
    async with Client(lambda: log_in(ADMIN)) as admin:
        with pytest.raises(Invalid, match=r"spec\.role"):
            await admin.post(collection("Key", namespace), custom("Key", namespace, "bad", generate=True))
    async with Client(lambda: log_in(port=1)) as nowhere:
        with pytest.raises(Unavailable, match="does not answer"):
            await nowhere.get("/api")


def _text(mirror: Mirror, ref: Ref) -> bytes:
    one = mirror.get(ref)
    return one.text if one is not None else b""


def _away(mirror: Mirror, why: str = "does not answer") -> bool:
    try:
        mirror.check()
    except Unavailable as error:
        return why in str(error)
    return False
