"""Fetch over http: tokens, redirects, and servers that do not do what they should."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from reconciler.drivers.keystore.fake import FakeSecrets, encrypt
from reconciler.errors import Invalid, NotFound, Problem, Refused, TimedOut, TooLarge, Unavailable
from reconciler.model import Ref
from reconciler.sources.git import Access, fetcher
from tests.sources.git.conftest import HASTY, PATIENCE, FeedMaker
from tests.sources.git.remotes import GitServer, raw, serve
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]

TOKEN = "glpat-7hTq-open-sesame"
AUTH = {"token": {"secret": "git", "key": "token"}}


@pytest.fixture
async def token(access: Access) -> None:
    assert isinstance(access.secrets, FakeSecrets)
    await access.secrets.put(Ref("Secret", "default", "git"), {"token": encrypt(f"{TOKEN}\n")})


async def test_a_public_repository(repository: Repository, feed: FeedMaker) -> None:
    first = repository.commit({"a.yaml": "a"})
    with serve(GitServer(repository.folder)) as server:
        follow = feed(location=f"{server.url}/.git", branch="main")
        assert (await follow.latest()).revision == first
        second = repository.commit({"a.yaml": "b"})
        fetched = await follow.latest(first)
        assert (fetched.revision, fetched.tree.read("a.yaml")) == (second, b"b")


@pytest.mark.usefixtures("token")
async def test_a_token_opens_a_private_one(repository: Repository, feed: FeedMaker, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a"})
    with serve(GitServer(repository.folder, token=TOKEN)) as server:
        fetched = await feed(location=f"{server.url}/.git", auth=AUTH).latest()
        assert fetched.paths.keys() == {"a.yaml"}
        with pytest.raises(Refused, match="wants credentials, and the source has none"):
            await feed(name="other", location=f"{server.url}/.git").latest()
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


@pytest.mark.usefixtures("token")
async def test_a_token_that_does_not_open_is_not_shown(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a.yaml": "a"})
    with serve(GitServer(repository.folder, token="another")) as server:
        with pytest.raises(Refused, match="does not accept the source's token") as failure:
            await feed(location=f"{server.url}/.git", auth=AUTH).latest()
        assert TOKEN not in f"{failure.value}{failure.value!r}{failure.value.__cause__!r}"
        assert len(server.seen) <= 4


@pytest.mark.usefixtures("token")
async def test_a_token_does_not_follow_to_another_host(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a.yaml": "a"})
    with (
        serve(GitServer(repository.folder, token=TOKEN)) as thief,
        serve(GitServer(repository.folder, redirect=thief.url.replace("127.0.0.1", "localhost"))) as server,
    ):
        with pytest.raises(Refused, match=r"sends us elsewhere.*localhost"):
            await feed(location=f"{server.url}/.git", auth=AUTH).latest()
        server.redirect = thief.url  # the same host, another port
        with pytest.raises(Problem, match=r"another server, which wants our credentials|sends us elsewhere"):
            await feed(location=f"{server.url}/.git", auth=AUTH).latest()
        assert not [authorization for _, authorization in thief.seen if authorization]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
async def test_what_a_server_answers_is_told(feed: FeedMaker, repository: Repository, status: int) -> None:
    expected = {401: Refused, 403: Refused, 404: NotFound, 410: NotFound}.get(status, Unavailable)
    with serve(GitServer(repository.folder, status=status)) as server:
        with pytest.raises(expected, match=f"source 'shop': {server.url}/x.git") as failure:
            await feed(location=f"{server.url}/x.git").latest()
        assert failure.value.remedy


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        pytest.param(b"", b"", id="accepts and says nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-up", b"", id="stops half-way"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-Header: 1\r\n", id="never comes to the point"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
            b"001e# service=git-upload-pack\n0000",
            b"003d" + b"a" * 40 + b" refs/heads/main\n",
            id="lists branches for ever",
        ),
    ],
)
async def test_a_server_that_hangs_is_given_up(feed: FeedMaker, first: bytes, drip: bytes) -> None:
    with raw(first, drip=drip) as server:
        follow = feed(HASTY, location=server.url)
        async with asyncio.timeout(60):
            with pytest.raises((TimedOut, TooLarge, Unavailable)):
                await follow.latest()


async def test_a_server_that_sends_too_much_is_given_up(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({f"{n}": random.randbytes(1000) for n in range(300)})
    with serve(GitServer(repository.folder)) as server:
        follow = feed(replace(PATIENCE, pack=100_000), location=f"{server.url}/.git")
        with pytest.raises(TooLarge, match="sends more than 100,000 bytes"):
            await follow.latest()
        fetched = await feed(location=f"{server.url}/.git").latest()
        assert len(fetched.paths) == 300


async def test_a_slow_line_is_waited_for_as_long_as_it_brings_something(
    repository: Repository, feed: FeedMaker
) -> None:
    repository.commit({f"{n}": random.randbytes(5000) for n in range(200)})
    with serve(GitServer(repository.folder, pace=200_000)) as server:
        hasty = replace(PATIENCE, whole=3, slowest=1e9)
        with pytest.raises(TimedOut, match="does not come to an end"):
            await feed(hasty, location=f"{server.url}/.git").latest()
        began = time.monotonic()
        fetched = await feed(replace(hasty, slowest=10_000), location=f"{server.url}/.git").latest()
        assert len(fetched.paths) == 200
        assert time.monotonic() - began > hasty.whole


def packet(content: bytes) -> bytes:
    return b"%04x%s" % (len(content) + 4, content)


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


HEAD = b"a" * 40 + b" refs/heads/main"
OFFER = packet(b"# service=git-upload-pack\n") + b"0000" + packet(HEAD + b"\0side-band-64k\n") + b"0000"
OFFERED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(OFFER), OFFER)
)
COUNTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + chunk(packet(b"NAK\n"))
)
STILL_COUNTS = chunk(packet(b"\x02still counting\n"))


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def test_a_server_that_talks_for_ever_is_left_and_nothing_goes_on(feed: FeedMaker) -> None:
    """It is busy counting objects, and who waits for them has other things to do."""
    with raw(OFFERED, COUNTS, drip=STILL_COUNTS) as server:
        follow = feed(replace(PATIENCE, answer=2), location=server.url, branch="main")
        before = children()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * 2):  # it does show that it is there
                await follow.latest()
        assert children() == before
        follow = feed(replace(PATIENCE, answer=2, whole=3), location=server.url, branch="main")
        with pytest.raises(TimedOut, match="does not come to an end"):
            await follow.latest()
        assert children() == before


async def test_a_fetch_that_crashes_is_told(feed: FeedMaker) -> None:
    with raw() as server:
        follow = feed(location=server.url)
        before = children()
        waiting = asyncio.create_task(follow.latest())
        assert await asyncio.to_thread(server.heard.wait, 60)
        for child in children():
            if child not in before:
                child.send_signal(signal.SIGSEGV)
        with pytest.raises(Unavailable, match=r"what libgit2 does not survive \(signal 11\)"):
            await waiting


async def test_a_fetch_ends_with_the_node() -> None:
    """The node was killed: nobody kills the fetch, but nobody listens to it either."""
    with raw() as server:
        request = {"mirror": "/", "url": server.url, "refspecs": [], "user": "", "token": "", "most": 1}
        request |= {"connect_ms": 60_000, "silence_ms": 60_000}
        command = [sys.executable, "-P", fetcher.__file__]
        with tempfile.TemporaryDirectory() as mirror:
            subprocess.run(["git", "init", "-q", "--bare", mirror], check=True)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request | {"mirror": mirror}).encode() + b"\n")
                process.stdin.flush()
                assert await asyncio.to_thread(server.heard.wait, 60)
                process.stdin.close()
                assert await asyncio.to_thread(process.wait, 60) == 1


async def test_a_server_that_crashes_libgit2_does_not_crash_us(
    repository: Repository, feed: FeedMaker
) -> None:
    """It sends its second answer before it was asked."""
    with raw(OFFERED + COUNTS, drip=STILL_COUNTS) as server:
        follow = feed(HASTY, location=server.url, branch="main")
        with pytest.raises((Unavailable, TimedOut)):
            await follow.latest()
    head = repository.commit({"a": "1"})
    assert (await feed().latest()).revision == head


async def test_close_ends_a_fetch_that_hangs(feed: FeedMaker) -> None:
    with raw() as server:
        follow = feed(location=server.url)
        waiting = asyncio.create_task(follow.latest())
        assert await asyncio.to_thread(server.heard.wait, 60)
        await follow.close()
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable, match="was ended"):
                await waiting
            with pytest.raises(Unavailable, match="was ended"):
                await follow.latest()


@pytest.mark.usefixtures("token")
async def test_a_token_is_not_sent_in_the_clear(feed: FeedMaker) -> None:
    with pytest.raises(Refused, match=r"could be read by all on the way(?s:.*)https"):
        await feed(location="http://git.example.org/x.git", auth=AUTH).latest()


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"token": "glpat"}, "auth.token: "),
        ({"password": "x"}, "auth.password: "),
        ({"token": {"secret": "git"}}, "auth.token.key: "),
    ],
)
async def test_an_auth_that_is_none(feed: FeedMaker, auth: dict[str, object], reason: str) -> None:
    with pytest.raises(Invalid, match=f"source 'shop': {reason}") as failure:
        feed(location="https://git.example.org/x.git", auth=auth)
    assert "glpat" not in str(failure.value)


async def test_a_token_that_could_not_be_one(feed: FeedMaker, access: Access) -> None:
    follow = feed(location="https://git.example.org/x.git", auth=AUTH)
    with pytest.raises(NotFound, match="secret/git has no value 'token'"):
        await follow.latest()
    assert isinstance(access.secrets, FakeSecrets)
    await access.secrets.put(Ref("Secret", "default", "git"), {"token": encrypt("a\r\nHost: evil")})
    with pytest.raises(Invalid, match="holds control characters") as failure:
        await follow.latest()
    assert "evil" not in str(failure.value)


async def test_a_password_in_the_address_is_refused_and_not_repeated(feed: FeedMaker) -> None:
    with pytest.raises(Refused, match="holds a password") as failure:
        feed(location=f"https://me:{TOKEN}@git.example.org/x.git")
    assert TOKEN not in str(failure.value)
