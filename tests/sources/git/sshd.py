"""A real `sshd` for the git feed's tests, run by the user who tests, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from tests.free_ports import free_port

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Sshd:
    """How to reach it, and who it is."""

    folder: Path
    port: int

    def url(self, repository: Path) -> str:
        return f"ssh://{getuser()}@127.0.0.1:{self.port}{repository}"

    @property
    def user_key(self) -> str:
        """The private key that it lets in."""
        return (self.folder / "user").read_text()

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        shown = subprocess.run(
            ["ssh-keygen", "-lf", self.folder / "host.pub"], capture_output=True, check=True
        )
        return shown.stdout.split()[1].decode()


def keygen(path: Path, *options: str) -> Path:
    """Make a key pair at `path` and `path.pub`."""
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", path, *(options or ("-t", "ed25519"))], check=True)
    return path


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run it until the block ends."""
    folder.mkdir()
    keygen(folder / "host")
    keygen(folder / "user")
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\n"
    )
    search = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    binary = shutil.which("sshd", path=search)
    assert binary is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it separates its privileges there
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        _wait_for(port)
        yield Sshd(folder, port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def agent(folder: Path, key: Path) -> Iterator[Path]:
    """An ssh-agent that holds this key; its socket."""
    at = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", at], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not at.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        environment = os.environ | {"SSH_AUTH_SOCK": str(at)}
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True, capture_output=True)
        yield at
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return
