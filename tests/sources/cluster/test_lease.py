"""One leader among many, by a real lease. Time passes only as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from reconciler.errors import NotFound
from reconciler.runtime.clock import SystemClock
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.lease import Lease, Term
from tests.sources.cluster.apiserver import Cluster

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]
TERM = Term(renew=0.05)  # the pause between two tries is a real one
PATH = "/apis/coordination.k8s.io/v1/namespaces/holdfast-system/leases/holdfast"


class Hand(SystemClock):
    """A watch that is set by hand."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Hand:
    return Hand()


@pytest.fixture
def lease(client: Client, watch: Hand) -> Callable[[str], Lease]:
    return lambda name: Lease(client, watch, "holdfast-system", name, TERM)


@pytest.fixture(autouse=True)
async def _nobody_leads(cluster: Cluster, client: Client) -> AsyncIterator[None]:
    yield
    cluster.http.delete(PATH)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - each tries at its own pace
            await asyncio.sleep(0.01)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def spec(client: Client) -> dict[str, object]:
    found: dict[str, object] = (await client.get(PATH))["spec"]
    return found


async def test_of_many_that_ask_at_once_one_leads(client: Client, lease: Callable[[str], Lease]) -> None:
    asking = {asyncio.create_task(one.acquire()): one for one in (lease(f"operator-{n}") for n in range(8))}
    await until(lambda: sum(one._seen is not None for one in asking.values()) == 7)
    done = [task for task in asking if task.done()]
    assert len(done) == 1, "the others have seen that it does"
    assert (await spec(client))["holderIdentity"] == asking[done[0]]._identity
    await ended(*asking)


async def test_a_leader_that_renews_stays_and_one_that_died_is_followed_in_time(
    client: Client, lease: Callable[[str], Lease], watch: Hand
) -> None:
    leader, other = lease("leader"), lease("other")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    taking = asyncio.create_task(other.acquire())
    while watch.at < TERM.lasts * 1.5:
        watch.at += TERM.give_up / 2
        await until(lambda: leader._renewed == other._seen_at == watch.at)
    assert not taking.done()
    assert not keeping.done()
    await ended(keeping, taking)
    assert not await other._tried(), "it has seen the last renewal"
    watch.at += TERM.lasts - 0.1
    assert not await other._tried(), "not before its time has passed"
    watch.at += 0.1
    await other.acquire()
    held = await spec(client)
    assert (held["holderIdentity"], held["leaseTransitions"]) == ("other", 2)


async def test_what_is_given_back_is_free_at_once(client: Client, lease: Callable[[str], Lease]) -> None:
    leader = lease("leader")
    await leader.acquire()
    await leader.release()
    await asyncio.wait_for(lease("other").acquire(), 60)
    await leader.release()
    assert (await spec(client))["holderIdentity"] == "other", "nobody gives back what is another's"


async def test_whose_lease_is_another_s_leads_no_more(
    cluster: Cluster, lease: Callable[[str], Lease]
) -> None:
    leader = lease("leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    merge = {"Content-Type": "application/merge-patch+json"}
    body = {"spec": {"holderIdentity": "other"}}
    cluster.http.patch(PATH, json=body, headers=merge).raise_for_status()
    assert await asyncio.wait_for(keeping, 60) == "other has it"


async def test_a_lease_that_somebody_removed_is_made_again(
    client: Client, cluster: Cluster, lease: Callable[[str], Lease]
) -> None:
    leader = lease("leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    cluster.http.delete(PATH).raise_for_status()
    async with asyncio.timeout(60):
        while True:
            try:
                assert (await spec(client))["holderIdentity"] == "leader"
                break
            except NotFound:
                await asyncio.sleep(0.05)
    assert not keeping.done()
    await ended(keeping)


async def test_who_cannot_renew_gives_up_before_another_may_take_it(
    client: Client, lease: Callable[[str], Lease], watch: Hand
) -> None:
    leader, other = lease("leader"), lease("other")
    await leader.acquire()
    assert not await other._tried()
    reachable = client.login
    client.login = type(client.login)("https://127.0.0.1:1", "holdfast-system", {}, client.login.tls)
    keeping = asyncio.create_task(leader.keep())
    watch.at = TERM.give_up
    assert await asyncio.wait_for(keeping, 60) == "it could not be renewed for 10 s"
    client.login = reachable
    assert not await other._tried()
