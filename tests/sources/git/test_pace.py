"""How often a remote is asked: by the interval, by a call, after a failure, and never without a gap."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Problem
from reconciler.sources.git.pace import GAP_S, GAP_WHILE_FAILING_S, JITTER, RETRY_MAX_S, RETRY_S, Pace
from reconciler.sources.git.threads import in_thread
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.remotes import GitServer, serve
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]

CHANCES = st.floats(0, 1)
INTERVALS = st.floats(1, 86_400)


@given(INTERVALS, CHANCES)
def test_the_interval_spreads_and_is_never_exceeded(interval: float, chance: float) -> None:
    pause = Pace(interval).pause(chance)
    assert interval * (1 - JITTER) - 1e-6 <= pause <= interval


@given(INTERVALS, st.integers(1, 10_000))
def test_each_failure_doubles_the_pause_up_to_a_limit(interval: float, failures: int) -> None:
    pause = Pace(interval, failures).pause(0)
    longer = Pace(interval, failures + 1).pause(0)
    limit = max(RETRY_MAX_S, interval)
    assert RETRY_S <= pause <= limit
    assert longer == pytest.approx(min(2 * pause, limit))


def test_a_try_has_failed_unless_it_worked() -> None:
    pace = Pace(60)
    pace.begin(100)
    assert pace.pause(0) == RETRY_S
    pace.begin(105)
    assert pace.pause(0) == 2 * RETRY_S
    assert pace.gap(105) == GAP_WHILE_FAILING_S
    pace.worked()
    assert pace.pause(0) == 60
    assert pace.gap(105) == pytest.approx(GAP_S)
    assert pace.gap(200) == 0


async def test_nobody_calls(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    follow = feed(interval_s=0.2)
    await follow.latest()
    began = time.monotonic()
    await follow.changed()
    assert time.monotonic() - began >= 0.2 * (1 - JITTER) - 0.01


async def test_a_call_is_heard_at_once_and_when_it_came_before(
    repository: Repository, feed: FeedMaker
) -> None:
    repository.commit({"a": "1"})
    follow = feed(interval_s=3600)
    await follow.latest()
    waiting = asyncio.create_task(follow.changed())
    await asyncio.sleep(0)
    follow.poke()
    async with asyncio.timeout(60):
        await waiting
        follow.poke()
        follow.poke()
        await follow.changed()
    with pytest.raises(TimeoutError):  # two calls were one
        async with asyncio.timeout(0.3):
            await follow.changed()


async def test_a_call_during_a_fetch_asks_for_another(repository: Repository, feed: FeedMaker) -> None:
    """The push came after the remote had told us what it has."""
    repository.commit({"a": "1"})
    follow = feed(interval_s=3600)
    fetching = asyncio.create_task(follow.latest())
    await asyncio.sleep(0)
    follow.poke()
    await fetching
    async with asyncio.timeout(60):
        await follow.changed()


async def test_a_flood_of_calls_is_no_flood_of_fetches(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    with serve(GitServer(repository.folder)) as server:
        follow = feed(interval_s=3600, location=f"{server.url}/.git")
        await follow.latest()
        before = len(server.seen)
        began, rounds = time.monotonic(), 5
        for _ in range(rounds):
            follow.poke()
            await follow.changed()
            await follow.latest()
        assert time.monotonic() - began >= (rounds - 1) * GAP_S
        assert len(server.seen) - before <= 2 * rounds + 2


async def test_a_remote_that_fails_is_not_called_each_time_somebody_calls(
    repository: Repository, feed: FeedMaker
) -> None:
    with serve(GitServer(repository.folder, status=503)) as server:
        follow = feed(interval_s=3600, location=f"{server.url}/.git")
        began = time.monotonic()
        with pytest.raises(Problem):
            await follow.latest()
        follow.poke()
        await follow.changed()
        assert time.monotonic() - began >= GAP_WHILE_FAILING_S
        assert len(server.seen) == 1
        server.status = 0
        repository.commit({"a": "1"})
        follow.poke()
        async with asyncio.timeout(60):
            await follow.changed()
            await follow.latest()
            follow.poke()
            await follow.changed()


async def test_two_who_ask_at_once_are_answered_one_after_the_other(
    repository: Repository, feed: FeedMaker
) -> None:
    head = repository.commit({f"{n}": f"{n}" for n in range(50)})
    follow = feed()
    answers = await asyncio.gather(*(follow.latest() for _ in range(5)), follow.at(head[:10]))
    assert {fetched.revision for fetched in answers} == {head}
    assert {len(fetched.paths) for fetched in answers} == {50}


async def test_who_is_cancelled_waits_for_the_end_of_the_thread() -> None:
    begun, go_on, ended = (threading.Event() for _ in range(3))

    def work() -> None:
        begun.set()
        go_on.wait(60)
        ended.set()

    waiting = asyncio.create_task(in_thread(work))
    assert await asyncio.to_thread(begun.wait, 60)
    for _ in range(3):
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=0.01)
        assert not waiting.done()
    go_on.set()
    async with asyncio.timeout(60):
        await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert ended.is_set()


async def test_who_gives_up_waiting_is_in_nobody_s_way(repository: Repository, feed: FeedMaker) -> None:
    head = repository.commit({f"{n}": f"{n}" * 100 for n in range(500)})
    follow = feed()
    for number in range(20):
        waiting = asyncio.create_task(follow.latest())
        await asyncio.sleep(number * 0.002)  # a moment, whichever
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled() or waiting.result().revision == head
    fetched = await follow.latest()
    assert (fetched.revision, len(fetched.paths)) == (head, 500)
