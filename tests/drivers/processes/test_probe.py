"""One look at the health of a real process: by command, by HTTP, by TCP."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reconciler.drivers.processes.keeper.proc import TOKEN
from reconciler.drivers.processes.probe import probe
from reconciler.ports.health import CommandCheck, HttpCheck, TcpCheck
from reconciler.ports.processes import Process, ProcessState

FINE = b"HTTP/1.1 200 OK\r\n\r\n"
NOBODY = pwd.getpwnam("nobody")


def process(pid: int) -> Process:
    return Process("web", pid, ProcessState.RUNNING, datetime.now(UTC))


ME = process(os.getpid())


class Servers:
    """Each answers every request with the same bytes, on a port of its own; without any bytes, never."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.servers: list[asyncio.Server] = []

    async def start(
        self, answer: bytes, secure: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> int:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heard.append(await (reader.readuntil(b"\r\n\r\n") if answer else reader.read()))
            writer.write(answer)
            writer.close()

        self.servers.append(await asyncio.start_server(talk, host, 0, ssl=secure))
        port: int = self.servers[-1].sockets[0].getsockname()[1]
        return port


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    made = Servers()
    yield made
    for server in made.servers:
        server.close()


# ------------------------------------------------------------------------------------------------ http


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (FINE, ""),
        (b"HTTP/1.0 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ""),
        (b"HTTP/1.1 399\r\n\r\n", ""),
        (b"HTTP/1.1 400 Bad\r\n\r\n", "status 400"),
        (b"HTTP/1.1 503 Busy\r\n\r\nsecret words", "status 503"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "the answer is no HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", "the answer is no HTTP"),
        (b"\r\n", "the answer is no HTTP"),
        (b"\0" * 100_000, "ValueError"),
    ],
)
async def test_http_is_healthy_by_its_status(servers: Servers, answer: bytes, says: str) -> None:
    port = await servers.start(answer)
    assert await probe(HttpCheck(f"http://127.0.0.1:{port}/health"), ME, 20) == says


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b?c=d&e=f", "/a/b?c=d&e=f"),
        ("/a b\r\nX: y", "/a%20bX:%20y"),
        ("/ä%20#part", "/%C3%A4%20"),
    ],
)
async def test_http_asks_for_the_path_and_nothing_else(servers: Servers, path: str, asked: str) -> None:
    port = await servers.start(FINE)
    assert await probe(HttpCheck(f"http://127.0.0.1:{port}{path}"), ME, 20) == ""
    head = f"GET {asked} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    assert servers.heard == [
        f"{head}User-Agent: holdfast\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
    ]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_http_names_an_address_with_colons_in_brackets(servers: Servers) -> None:
    port = await servers.start(FINE, host="::1")
    assert await probe(HttpCheck(f"http://[::1]:{port}/"), ME, 20) == ""
    assert f"Host: [::1]:{port}\r\n".encode() in servers.heard[0]


async def test_https_is_asked_without_caring_who_it_is(servers: Servers, tmp_path: Path) -> None:
    port = await servers.start(FINE, self_signed(tmp_path))
    assert await probe(HttpCheck(f"https://127.0.0.1:{port}/"), ME, 20) == ""
    assert await probe(HttpCheck(f"http://127.0.0.1:{port}/"), ME, 20) != ""


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


# ------------------------------------------------------------------------------------------------- tcp


async def test_nobody_there_is_said_and_a_silent_one_in_time(servers: Servers) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert "Connect call failed" in await probe(TcpCheck("127.0.0.1", port), ME, 20)
        assert "Connect call failed" in await probe(HttpCheck(f"http://127.0.0.1:{port}/"), ME, 20)
    silent = await servers.start(b"")
    assert await probe(TcpCheck("127.0.0.1", silent), ME, 20) == ""
    assert await probe(HttpCheck(f"http://127.0.0.1:{silent}/"), ME, 0.05) == "no answer within 0.05 s"


# --------------------------------------------------------------------------------------------- command


@pytest.fixture
def subject(tmp_path: Path) -> Iterator[Process]:
    """A process with an environment and a folder of its own."""
    env = {"PATH": os.environ["PATH"], "PASSWORD": "s3cret", TOKEN: "home:web:nonce"}
    sleeper = subprocess.Popen(["sleep", "3600"], env=env, cwd=tmp_path)
    yield process(sleeper.pid)
    sleeper.kill()
    sleeper.wait()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 0", ""),
        ("exit 7", "'sh' exited with 7"),
        ("echo $PASSWORD; echo $PASSWORD >&2; exit 1", "'sh' exited with 1"),
        ("kill -9 $$", "'sh' exited with -9"),
        ('test "$PASSWORD" = s3cret', ""),
        (f'test -z "${TOKEN}"', ""),
        ("test -e here", ""),
        ("test ! -t 0 && ! read -r line", ""),
    ],
)
async def test_a_command_runs_where_its_process_runs(
    subject: Process, tmp_path: Path, script: str, says: str
) -> None:
    (tmp_path / "here").touch()
    assert await probe(CommandCheck(("sh", "-c", script)), subject, 20) == says


async def test_a_command_that_does_not_end_is_ended_with_its_children(
    subject: Process, tmp_path: Path
) -> None:
    script, within_s = "sleep 3600 & echo $! > child; wait", 0.25
    while not (tmp_path / "child").exists():  # on a slow machine it needs longer until it has one
        within_s *= 2
        said = await probe(CommandCheck(("sh", "-c", script)), subject, within_s)
        assert said == f"no answer within {within_s:g} s"
    child = int((tmp_path / "child").read_text())
    async with asyncio.timeout(60):  # the signal is sent; the kernel takes its moment
        while _runs(child):  # noqa: ASYNC110 - nobody tells of a grandchild's end
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_command_that_cannot_be_run_is_a_failure_with_a_reason(subject: Process) -> None:
    assert await probe(CommandCheck(("no-such-program",)), subject, 20) == "No such file or directory"


async def test_a_process_that_is_gone_is_a_failure(subject: Process) -> None:
    assert await probe(CommandCheck(("true",)), process(2**22 + 1), 20) == "No such file or directory"


async def test_a_command_runs_as_the_user_of_its_process(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    sleeper = subprocess.Popen(
        ["sleep", "3600"], user=NOBODY.pw_uid, group=NOBODY.pw_gid, extra_groups=[NOBODY.pw_gid], cwd="/"
    )
    try:
        ids = f"{NOBODY.pw_uid} {NOBODY.pw_gid} {NOBODY.pw_gid}"
        script = f'test "$(id -u) $(id -g) $(id -G)" = "{ids}"'
        assert await probe(CommandCheck(("sh", "-c", script)), process(sleeper.pid), 20) == ""
        assert await probe(CommandCheck(("test", "-r", "/etc/shadow")), process(sleeper.pid), 20) != ""
    finally:
        sleeper.kill()
        sleeper.wait()
