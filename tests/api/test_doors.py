"""Who gets in where, and what they may: the socket is the owner's, TCP is for looking."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from api import listen
from api.errors import STATUS
from api.identity import Peer, peer_of
from reconciler.errors import Conflict, Invalid, Refused
from reconciler.settings import Daemon
from tests.api.nodes import Running, key, living, running, scratch, settings_in, until

ASKS = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.sendall(b"GET /api/v1/status HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
print(b"".join(iter(lambda: link.recv(65536), b"")).decode())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.req("DMN-06", "DMN-10", "CORE-24")
async def test_the_socket_is_its_owners_alone(api: Running) -> None:
    path = Path(api.path)
    assert stat.S_ISSOCK(path.lstat().st_mode)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


@pytest.mark.req("DMN-10")
def test_the_socket_is_never_open_to_others_not_even_when_it_is_born() -> None:
    with scratch() as folder:
        path = Path(folder, "s")
        watch = subprocess.Popen([sys.executable, "-c", _SEES, folder], stdout=subprocess.PIPE, text=True)
        assert watch.stdout is not None
        assert watch.stdout.readline() == "watching\n"
        before = os.umask(0)
        try:
            while not select.select([watch.stdout], [], [], 0)[0]:
                listen.unix(path).close()
        finally:
            os.umask(before)
        seen, _ = watch.communicate(timeout=60)
        assert seen.split() == ["0o600"]


_SEES = """
import os, stat, sys
print("watching", flush=True)
seen = []
while len(seen) < 1000:
    for entry in os.scandir(sys.argv[1]):
        try:
            seen.append(oct(stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)))
        except FileNotFoundError:
            pass
print(*sorted(set(seen)))
"""


@pytest.mark.req("DMN-10", "ERR-11")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_another_user_is_refused_even_if_the_file_lets_him_in() -> None:
    async with running() as api:
        path = Path(api.path)
        for step in (path, path.parent, path.parent.parent):
            step.chmod(0o777)
        asked = await asyncio.create_subprocess_exec(
            sys.executable,
            "-S",
            "-c",
            ASKS,
            api.path,
            stdout=subprocess.PIPE,
        )
        said, _ = await asked.communicate()
        assert b"403 Forbidden" in said
        assert b"only the owner of the node" in said


@pytest.mark.req("DMN-10")
def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        peer = peer_of(here)
    assert (peer.uid, peer.pid) == (os.geteuid(), os.getpid())
    assert peer.may_all
    assert Peer(0, 1).may_all
    assert not Peer(4_000_000, 1).may_all
    assert Peer(4_000_000, 1).actor == "uid:4000000"
    assert Peer(0, 1).actor == "uid:0 root"


async def test_over_tcp_nothing_is_written(api: Running) -> None:
    before = (await api.public.get("/api/v1/status")).json()
    writes = [
        ("POST", "/api/v1/apply"), ("POST", "/api/v1/delete"), ("POST", "/api/v1/reconcile"),
        ("POST", "/api/v1/overrides"), ("DELETE", "/api/v1/overrides/key/default/bob"),
        ("DELETE", "/api/v1/resources/key/default/bob"), ("POST", "/api/v1/sources/root/push"),
        ("POST", "/api/v1/sources/root/rollback"), ("POST", "/api/v1/daemon/shutdown"),
    ]  # fmt: skip
    for method, path in writes:
        answer = await api.public.request(method, path, json={"ref": "key/bob", "patch": {"suspend": True}})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), path
        assert "Unix socket" in answer.json()["remedy"]
    stop = await api.internal.post("/shutdown")
    assert stop.status_code == 403
    after = (await api.public.get("/api/v1/status")).json()
    assert after["resources"] == before["resources"]
    assert not api.node.stopping.is_set()


@pytest.mark.req("CORE-10")
async def test_to_compare_is_to_read(api: Running) -> None:
    body = {"manifests": {"a.yaml": key("carol")}}
    assert (await api.public.post("/api/v1/diff", json=body)).json()["adds"] == 1


@pytest.mark.req("DMN-07")
async def test_each_listener_has_its_own_paths(api: Running) -> None:
    for path in ("/status", "/stats"):
        assert (await api.internal.get(path)).status_code == 200
        assert (await api.socket.get(path)).status_code == 200
        assert (await api.public.get(path)).status_code == 404
    for path in ("/api/v1/status", "/api/v1/events/history"):
        assert (await api.internal.get(path)).status_code == 404
        assert (await api.socket.get(path)).status_code == 200


async def test_what_services_print_is_told_to_the_owner_only(api: Running) -> None:
    answer = await api.public.get("/api/v1/resources/service/default/web/logs")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_page_from_elsewhere_cannot_read_through_a_browser(api: Running) -> None:
    """What DNS rebinding sends: our address, another host's name."""
    for host in (
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "[::2]",
        "a@b:c",
    ):
        answer = await api.public.get("/api/v1/status", headers={"Host": host})
        assert answer.status_code in {400, STATUS["FORBIDDEN"]}, host
        assert answer.headers["content-type"] == "application/problem+json"
    for host in ("localhost", "localhost:9", "127.0.0.1", "[::1]:8081", "holdfast.localhost"):
        assert (await api.public.get("/health", headers={"Host": host})).status_code == 200
    asked = await api.public.get("/health", headers={"Origin": "https://evil.example"})
    assert not [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.req("DMN-08", "CORE-24")
async def test_without_the_http_api_the_socket_still_serves() -> None:
    async with running(api__enabled=False) as api:
        assert (await api.socket.get("/api/v1/status")).status_code == 200
        told = (await api.socket.get("/api/v1/daemon/status")).json()
        assert told["listeners"].keys() == {"socket", "internal"}
        assert told["warnings"] == []


def taken() -> socket.socket:
    holder = socket.create_server(("127.0.0.1", 0))
    holder.listen()
    return holder


@pytest.mark.parametrize("setting", ["api.listen", "daemon.legacy_listen"])
@pytest.mark.req("DMN-07")
async def test_a_port_that_is_taken_is_told_and_tried_again(setting: str) -> None:
    with scratch() as folder, taken() as holder:
        port = holder.getsockname()[1]
        door = "public" if setting == "api.listen" else "internal"
        settings = settings_in(Path(folder), **{setting: f"127.0.0.1:{port}"})
        async with living(settings) as node:
            daemon = node.desk.daemon
            await until(lambda: daemon.warnings)
            assert f"127.0.0.1:{port}: Address already in use" in daemon.warnings[0]
            assert node.desk.node()["warnings"] == daemon.warnings
            told = await node.store.events(0, 100)
            assert [event.data["about"] for event in told if event.name == "node.warning"] == [door]
            holder.close()
            await until(lambda: door in daemon.listeners)
            assert daemon.warnings == []


@contextmanager
def usual_internal_port_is_taken() -> Iterator[str]:
    """By us, or by whoever has it already on this machine."""
    usual = Daemon().legacy_listen
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(listen.parse(usual)))
        yield usual


@pytest.mark.req("DMN-07")
async def test_a_node_beside_another_is_well_without_the_usual_internal_port() -> None:
    with scratch() as folder, usual_internal_port_is_taken() as usual:
        beside = settings_in(Path(folder), **{"daemon.legacy_listen": usual})
        async with living(beside) as node:
            daemon = node.desk.daemon
            await until(lambda: daemon.warnings)
            assert f"the internal listener does not listen: {usual}" in daemon.warnings[0]
            assert daemon.problems == []
            full = await node.desk.health.full()
            assert full["parts"]["node"]["status"] == "ok"


def test_addresses() -> None:
    assert listen.parse("127.0.0.1:80") == ("127.0.0.1", 80)
    assert listen.parse("localhost:0") == ("127.0.0.1", 0)
    assert str(listen.parse("[::1]:8081")) == "[::1]:8081"
    for wrong in (
        "",
        "8081",
        "127.0.0.1",
        ":80",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "a b:1",
        "x:y",
        "::1:80",
        "h:1/p",
        "example.com:80",
        "notlocalhost:80",
    ):
        with pytest.raises((Invalid, Refused)):
            listen.parse(wrong)


async def test_ipv6(api: Running) -> None:
    with listen.tcp(listen.parse("[::1]:0")) as six:
        assert six.getsockname()[0] == "::1"


@pytest.mark.req("DMN-12")
def test_a_dead_nodes_socket_is_replaced_and_a_living_ones_is_not() -> None:
    with scratch() as folder:
        path = Path(folder, "s")
        listen.unix(path).close()
        assert path.exists()
        with listen.unix(path):
            with pytest.raises(Conflict, match="another node answers"):
                listen.unix(path)
            listen.remove(path)
            assert path.exists()
        listen.remove(path)
        assert not path.exists()
        listen.remove(path)


def test_what_is_no_socket_is_replaced_too() -> None:
    with scratch() as folder:
        path = Path(folder, "s")
        path.write_text("left behind by a restore from a backup")
        with listen.unix(path):
            assert stat.S_ISSOCK(path.lstat().st_mode)
        Path(folder, ".s.new").write_text("left behind by a crash")
        listen.unix(path).close()


async def test_the_data_folder_may_have_a_longer_path_than_a_socket_can() -> None:
    with scratch() as folder:
        deep = Path(folder, *["deep" * 10] * 6)
        deep.mkdir(parents=True)
        async with living(settings_in(deep)) as node:
            link = socket.socket(socket.AF_UNIX)
            place = os.open(deep, os.O_PATH)
            with link:
                link.connect(f"/proc/self/fd/{place}/{node.settings.socket.name}")
            os.close(place)
            assert len(str(node.settings.socket)) > 108
        assert not node.settings.socket.exists()
