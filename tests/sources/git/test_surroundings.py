"""What else is on the machine: odd repositories, certificates, proxies, other people's configuration."""

from __future__ import annotations

import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.drivers.keystore.fake import FakeSecrets, encrypt
from reconciler.errors import Invalid, NotFound, Refused
from reconciler.model import Ref
from reconciler.sources.git import Access
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.remotes import GitServer, serve
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]

TOKEN = "glpat-7hTq-open-sesame"


def fetch(location: str, data: Path, token: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Fetch in a process of its own, with this environment and little else."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sources.git.fetch", location, str(data), *([token] if token else [])],
        env={"PATH": os.environ["PATH"], "HOME": str(data), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("shape", ["repository", "repository/.git", "bare.git", "worktree"])
async def test_each_shape_of_a_repository(
    repository: Repository, feed: FeedMaker, tmp_path: Path, shape: str
) -> None:
    head = repository.commit({"a": "1"})
    repository.git("worktree", "add", "-q", "../worktree", "-b", "other")
    repository.git("clone", "-q", "--bare", ".", "../bare.git")
    assert (await feed(location=str(tmp_path / shape)).latest()).revision == head
    assert (await feed(location=f"file://{tmp_path / shape}").latest()).revision == head


async def test_places_that_are_no_repository(repository: Repository, feed: FeedMaker, tmp_path: Path) -> None:
    repository.commit({"a/x": "1"})
    repository.commit({"b": "2"})
    (tmp_path / "plain").mkdir()
    for place in ("plain", "repository/a"):
        with pytest.raises(NotFound, match="is no git repository"):
            await feed(location=str(tmp_path / place)).latest()
    with pytest.raises(NotFound, match="does not exist"):
        await feed(location=str(tmp_path / "nowhere")).latest()
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", "../shallow")
    with pytest.raises(Invalid, match=r"is a shallow clone(?s:.*)--unshallow"):
        await feed(location=str(tmp_path / "shallow")).latest()
    subprocess.run(["git", "init", "-q", "--object-format=sha256", tmp_path / "new"], check=True)
    with pytest.raises(Invalid, match="SHA-256 repositories are not supported"):
        await feed(location=str(tmp_path / "new")).latest()


async def test_a_repository_that_comes_later_is_found(feed: FeedMaker, tmp_path: Path) -> None:
    follow = feed(location=str(tmp_path / "later"))
    with pytest.raises(NotFound):
        await follow.latest()
    head = Repository(tmp_path / "later").commit({"a": "1"})
    assert (await follow.latest()).revision == head


async def test_a_link_and_a_submodule_in_a_real_repository(repository: Repository, feed: FeedMaker) -> None:
    repository.write({"base/x.yaml": "x", b"\xff.yaml".decode(errors="surrogateescape"): "no text"})
    (repository.folder / "apps").mkdir()
    (repository.folder / "apps/x.yaml").symlink_to("../base/x.yaml")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("add", "apps", "base", b"\xff.yaml".decode(errors="surrogateescape"))
    repository.git("commit", "-q", "-m", "Odd things")
    fetched = await feed().latest()
    assert fetched.paths == {
        "apps/x.yaml": repository.hash("base/x.yaml"),
        "base/x.yaml": repository.hash("base/x.yaml"),
    }
    assert fetched.tree.read("apps/x.yaml") == b"x"
    assert [notice.rpartition(": ")[0].rpartition(": ")[2] for notice in fetched.notices] == [
        "a submodule",
        "its name is no UTF-8, or holds control characters",
    ]


async def test_another_user_s_repository(repository: Repository, feed: FeedMaker) -> None:
    head = repository.commit({"a": "1"})
    owner = 12345 if os.geteuid() == 0 else os.geteuid()  # only root can make files that are another's
    subprocess.run(["chown", "-R", f"{owner}", repository.folder], check=True)
    assert (await feed().latest()).revision == head


def test_nobody_s_configuration_sends_us_elsewhere(repository: Repository, tmp_path: Path) -> None:
    head = repository.commit({"a": "1"})
    evil = Repository(tmp_path / "evil")
    evil.commit({"a": "evil"})
    data = tmp_path / "data"
    data.mkdir()
    (data / ".gitconfig").write_text(f'[url "{evil.folder}"]\n\tinsteadOf = {repository.folder}\n')
    done = fetch(str(repository.folder), data, XDG_CONFIG_HOME=str(data))
    assert done.stdout.split() == ["ready", head], done.stderr


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For 127.0.0.1, signed by itself; the file holds its key too."""
    made = tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, *names, "-keyout", made, "-out", tmp_path / "only"], check=True, capture_output=True
    )
    made.write_bytes(made.read_bytes() + (tmp_path / "only").read_bytes())
    return made


@pytest.mark.needs("openssl")
async def test_a_certificate_that_nobody_trusts(
    repository: Repository, feed: FeedMaker, access: Access, certificate: Path
) -> None:
    repository.commit({"a": "1"})
    assert isinstance(access.secrets, FakeSecrets)
    await access.secrets.put(Ref("Secret", "default", "git"), {"token": encrypt(TOKEN)})
    with serve(GitServer(repository.folder, token=TOKEN, certificate=certificate)) as server:
        with pytest.raises(Refused, match=r"no certificate that this machine trusts(?s:.*)SSL_CERT_FILE"):
            await feed(
                location=f"{server.url}/.git", auth={"token": {"secret": "git", "key": "token"}}
            ).latest()
        assert server.seen == []


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that opens tunnels, and what it was asked for."""
    asked: list[str] = []

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode())
            while self.rfile.readline().strip():
                pass
            method, target, _ = asked[-1].split()
            if method != "CONNECT":
                return
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as other:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pump, args=(other, self.connection), daemon=True)
                back.start()
                pump(self.connection, other)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while some := source.recv(65536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side has gone, and the tunnel with it


@pytest.mark.needs("openssl")
def test_a_certificate_that_is_named_and_a_proxy(
    repository: Repository, tmp_path: Path, certificate: Path
) -> None:
    head = repository.commit({"a": "1"})
    trusted = {"SSL_CERT_FILE": str(tmp_path / "only")}
    with (
        proxy() as (url, asked),
        serve(GitServer(repository.folder, token=TOKEN, certificate=certificate)) as server,
    ):
        location = f"{server.url}/.git"
        done = fetch(location, tmp_path / "direct", TOKEN, **trusted)
        assert (done.stdout.split(), asked) == (["ready", head], []), done.stderr
        done = fetch(location, tmp_path / "proxied", TOKEN, https_proxy=url, **trusted)
        assert done.stdout.split() == ["ready", head], done.stderr
        assert asked
        assert {line.split()[0] for line in asked} == {"CONNECT"}


def test_a_token_does_not_pass_a_proxy_in_the_clear(repository: Repository, tmp_path: Path) -> None:
    head = repository.commit({"a": "1"})
    with proxy() as (url, asked), serve(GitServer(repository.folder, token=TOKEN)) as server:
        done = fetch(f"{server.url}/.git", tmp_path / "data", TOKEN, http_proxy=url, HTTP_PROXY=url)
        assert (done.stdout.split(), asked) == (["ready", head], []), done.stderr
