"""Fetch over ssh: a real sshd, checked host keys, a key from a secret, from the keystore, from an agent."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets, encrypt
from reconciler.errors import Invalid, Missing, NotFound, Refused, TimedOut, TooLarge, Unavailable
from reconciler.model import Ref
from reconciler.sources.git import Access
from tests.process_table import words_of_all
from tests.sources.git.conftest import HASTY, PATIENCE, FeedMaker
from tests.sources.git.remotes import raw
from tests.sources.git.repository import Repository
from tests.sources.git.sshd import Sshd, agent, keygen, sshd

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git", "sshd", "ssh", "ssh-keygen")]

BY_SECRET = {"privateKey": {"secret": "deploy", "key": "ssh"}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
async def secret(access: Access, server: Sshd) -> None:
    assert isinstance(access.secrets, FakeSecrets)
    await access.secrets.put(Ref("Secret", "default", "deploy"), {"ssh": encrypt(server.user_key)})


@pytest.mark.usefixtures("secret")
async def test_a_key_from_a_secret_opens_a_pinned_host(
    repository: Repository, feed: FeedMaker, server: Sshd
) -> None:
    first = repository.commit({"a.yaml": "a"})
    pins = (server.host_key, server.fingerprint, f"[127.0.0.1]:{server.port} {server.host_key}")
    for number, pin in enumerate(pins):
        auth = BY_SECRET | {"hostKeys": [pin]}
        follow = feed(name=f"s{number}", location=server.url(repository.folder), auth=auth)
        assert (await follow.latest()).revision == first
    follow = feed(location=server.url(repository.folder), auth=BY_SECRET | {"hostKeys": pins})
    second = repository.commit({"a.yaml": "b"})
    fetched = await follow.latest(first)
    assert (fetched.revision, fetched.tree.read("a.yaml")) == (second, b"b")


@pytest.mark.usefixtures("secret")
async def test_a_host_that_is_not_pinned_is_refused_with_its_fingerprint(
    repository: Repository, feed: FeedMaker, server: Sshd, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "a"})
    other = " ".join(keygen(tmp_path / "other").with_suffix(".pub").read_text().split()[:2])
    for number, pin in enumerate((other, "SHA256:" + "A" * 43)):
        follow = feed(
            name=f"s{number}", location=server.url(repository.folder), auth=BY_SECRET | {"hostKeys": [pin]}
        )
        with pytest.raises(Refused, match="not trusted") as failure:
            await follow.latest()
        assert server.fingerprint in failure.value.message
        assert f'hostKeys: ["{server.fingerprint}"]' in failure.value.remedy


@pytest.mark.usefixtures("secret")
async def test_a_host_that_this_machine_does_not_know_is_refused(
    repository: Repository, feed: FeedMaker, server: Sshd
) -> None:
    repository.commit({"a.yaml": "a"})
    with pytest.raises(Refused, match="the host's key is not known") as failure:
        await feed(location=server.url(repository.folder), auth=BY_SECRET).latest()
    assert server.fingerprint in failure.value.message


async def test_a_key_that_is_not_let_in(
    repository: Repository, feed: FeedMaker, server: Sshd, access: Access
) -> None:
    await access.keys.generate(Ref("Key", "default", "deploy"), "ssh", "")
    follow = feed(
        location=server.url(repository.folder), auth={"key": "deploy", "hostKeys": [server.host_key]}
    )
    with pytest.raises(Refused, match=r"does not let us in: .*Permission denied"):
        await follow.latest()


async def test_a_key_of_the_keystore(
    repository: Repository, feed: FeedMaker, server: Sshd, access: Access
) -> None:
    head = repository.commit({"a.yaml": "a"})
    deploy = Ref("Key", "default", "deploy")
    assert isinstance(access.keys, FakeKeys)
    await access.keys.generate(deploy, "ssh", "")
    known = access.keys.get(deploy)
    assert known is not None
    (server.folder / "authorized").write_text(known.public.openssh + "\n")
    follow = feed(
        location=server.url(repository.folder), auth={"key": "deploy", "hostKeys": [server.host_key]}
    )
    assert (await follow.latest()).revision == head


async def test_a_key_of_the_keystore_that_is_not_for_this(feed: FeedMaker, access: Access) -> None:
    follow = feed(location="git@git.example.org:x", auth={"key": "deploy"})
    with pytest.raises(Missing, match="key/deploy, which opens the repository, is not there"):
        await follow.latest()
    await access.keys.generate(Ref("Key", "default", "deploy"), "creator", "")
    with pytest.raises(Refused, match="has the role 'creator', and opens nothing"):
        await follow.latest()


async def test_a_machine_without_git_or_ssh(
    feed: FeedMaker, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = feed(location=server.url(tmp_path), auth={"hostKeys": [server.host_key]})
    git = shutil.which("git")
    assert git is not None
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    with pytest.raises(Missing, match=r"there is no `git`(?s:.*)install git"):
        await follow.latest()
    (tmp_path / "bin/git").symlink_to(git)
    with pytest.raises(Missing, match=r"there is no `ssh`(?s:.*)openssh-client"):
        await follow.latest()


@pytest.mark.needs("ssh-agent", "ssh-add")
async def test_a_key_from_the_agent(
    repository: Repository, feed: FeedMaker, server: Sshd, tmp_path: Path
) -> None:
    head = repository.commit({"a.yaml": "a"})
    before = os.environ.get("SSH_AUTH_SOCK")
    with agent(tmp_path, server.folder / "user") as socket:
        os.environ["SSH_AUTH_SOCK"] = str(socket)
        try:
            follow = feed(location=server.url(repository.folder), auth={"hostKeys": [server.host_key]})
            assert (await follow.latest()).revision == head
        finally:
            del os.environ["SSH_AUTH_SOCK"]
            if before is not None:
                os.environ["SSH_AUTH_SOCK"] = before


@pytest.mark.usefixtures("secret")
async def test_what_is_not_there(
    repository: Repository, feed: FeedMaker, server: Sshd, tmp_path: Path
) -> None:
    auth = BY_SECRET | {"hostKeys": [server.host_key]}
    with pytest.raises(NotFound, match="is empty"):
        await feed(location=server.url(repository.folder), auth=auth, branch="main").latest()
    repository.commit({"a": "a"})
    with pytest.raises(NotFound, match="no branch 'mian': there is main"):
        await feed(location=server.url(repository.folder), auth=auth, branch="mian").latest()
    with pytest.raises(NotFound, match=r"is no repository that we may see: fatal.*nowhere"):
        await feed(location=server.url(tmp_path / "nowhere"), auth=auth).latest()


@pytest.mark.usefixtures("secret")
async def test_the_key_is_nowhere_on_disk_and_in_no_argument(
    repository: Repository, feed: FeedMaker, server: Sshd, tmp_path: Path
) -> None:
    repository.commit({"a": "a"})
    secret = server.user_key.splitlines()[3].encode()
    with raw() as hanging:
        url = f"ssh://git@127.0.0.1:{hanging.port}/x"
        follow = feed(location=url, auth=BY_SECRET | {"hostKeys": [server.host_key]})
        waiting = asyncio.create_task(follow.latest())
        assert await asyncio.to_thread(hanging.heard.wait, 60)
        commands = [" ".join(words) for words in words_of_all().values()]
        assert any(f"{hanging.port}" in command for command in commands)
        assert not any(secret.decode() in command for command in commands)
        kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert any(path.parent.name == "ssh" for path in kept)
        assert not any(secret in path.read_bytes() for path in kept)
        await follow.close()
        with pytest.raises(Unavailable, match="was ended"):
            await waiting


@pytest.mark.usefixtures("secret")
async def test_a_host_that_hangs_is_given_up_and_its_processes_with_it(feed: FeedMaker, server: Sshd) -> None:
    with raw() as hanging:
        follow = feed(
            replace(HASTY, connect=60),  # ssh itself would wait
            location=f"ssh://git@127.0.0.1:{hanging.port}/x",
            auth=BY_SECRET | {"hostKeys": [server.host_key]},
        )
        async with asyncio.timeout(60):
            with pytest.raises((TimedOut, TooLarge, Unavailable)):
                await follow.latest()
            # The signal was sent to all of them; the kernel takes its moment.
            while any(f"127.0.0.1:{hanging.port}" in " ".join(words) for words in words_of_all().values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.usefixtures("secret")
async def test_a_host_that_sends_too_much_is_given_up(
    repository: Repository, feed: FeedMaker, server: Sshd, tmp_path: Path
) -> None:
    """More than goes into a pipe, so that it is seen while it comes."""
    repository.commit({f"{n}": random.randbytes(1 << 18) for n in range(60)})
    place = {"location": server.url(repository.folder), "auth": BY_SECRET | {"hostKeys": [server.host_key]}}
    with pytest.raises(TooLarge, match="sends more than 100,000 bytes"):
        await feed(replace(PATIENCE, pack=100_000), **place).latest()
    assert len((await feed(**place).latest()).paths) == 60
    assert not list((tmp_path / "data").rglob("tmp_*"))


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("pin", ["", "SHA256:short", "ssh-ed25519 ;rm", 'ssh-ed25519 AAAA"\nProxyCommand id'])
async def test_a_pin_that_is_none(feed: FeedMaker, pin: str) -> None:
    with pytest.raises(Invalid, match="is no host's key"):
        await feed(location="git@host:x", auth=BY_SECRET | {"hostKeys": [pin]}).latest()
