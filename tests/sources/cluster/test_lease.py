"""One leader among many, by a real lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconciler.errors import NotFound
from reconciler.runtime.clock import SystemClock
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.lease import Lease, Term
from tests.sources.cluster.apiserver import Cluster

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]
CLOCK = SystemClock()
TERM = Term(lasts=2.0, give_up=1.0, renew=0.1)
PATH = "/apis/coordination.k8s.io/v1/namespaces/holdfast-system/leases/holdfast"


def lease(client: Client, name: str) -> Lease:
    return Lease(client, CLOCK, "holdfast-system", name, TERM)


@pytest.fixture(autouse=True)
async def _nobody_leads(cluster: Cluster, client: Client) -> AsyncIterator[None]:
    yield
    cluster.http.delete(PATH)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def spec(client: Client) -> dict[str, object]:
    found: dict[str, object] = (await client.get(PATH))["spec"]
    return found


async def test_of_many_that_ask_at_once_one_leads(client: Client) -> None:
    asking = {asyncio.create_task(lease(client, f"operator-{n}").acquire()) for n in range(8)}
    done, waiting = await asyncio.wait(asking, timeout=0.8)
    assert len(done) == 1
    assert str((await spec(client))["holderIdentity"]).startswith("operator-")
    await ended(*waiting)


async def test_a_leader_that_renews_stays_and_one_that_died_is_followed_in_time(client: Client) -> None:
    leader, other = lease(client, "leader"), lease(client, "other")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    taking = asyncio.create_task(other.acquire())
    await asyncio.wait({taking}, timeout=TERM.lasts * 1.5)
    assert not taking.done()
    assert not keeping.done()
    began = CLOCK.monotonic()
    await ended(keeping)
    await asyncio.wait_for(taking, 30)
    assert CLOCK.monotonic() - began > TERM.lasts - TERM.renew * 2, "not before its time has passed"
    held = await spec(client)
    assert (held["holderIdentity"], held["leaseTransitions"]) == ("other", 2)


async def test_what_is_given_back_is_free_at_once(client: Client) -> None:
    leader = lease(client, "leader")
    await leader.acquire()
    await leader.release()
    await asyncio.wait_for(lease(client, "other").acquire(), TERM.lasts / 2)
    await leader.release()
    assert (await spec(client))["holderIdentity"] == "other", "nobody gives back what is another's"


async def test_whose_lease_is_another_s_leads_no_more(client: Client, cluster: Cluster) -> None:
    leader = lease(client, "leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    merge = {"Content-Type": "application/merge-patch+json"}
    body = {"spec": {"holderIdentity": "other"}}
    cluster.http.patch(PATH, json=body, headers=merge).raise_for_status()
    assert await asyncio.wait_for(keeping, 10) == "other has it"


async def test_a_lease_that_somebody_removed_is_made_again(client: Client, cluster: Cluster) -> None:
    leader = lease(client, "leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    cluster.http.delete(PATH).raise_for_status()
    async with asyncio.timeout(10):
        while True:
            try:
                assert (await spec(client))["holderIdentity"] == "leader"
                break
            except NotFound:
                await asyncio.sleep(0.05)
    assert not keeping.done()
    await ended(keeping)


async def test_who_cannot_renew_gives_up_before_another_may_take_it(client: Client) -> None:
    leader = lease(client, "leader")
    await leader.acquire()
    began = CLOCK.monotonic()
    client.login = type(client.login)("https://127.0.0.1:1", "holdfast-system", {}, client.login.tls)
    told = await asyncio.wait_for(leader.keep(), 10)
    assert told == "it could not be renewed for 1 s"
    assert CLOCK.monotonic() - began < TERM.lasts
