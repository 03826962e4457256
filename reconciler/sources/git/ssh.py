"""Fetch over ssh, with `git` and OpenSSH; what they fetched is read by libgit2 as always.

libgit2 speaks ssh too, but its binding shows nothing of a host's key: nothing could be pinned, and no
fingerprint told. Rules: a host is known or refused, and the refusal shows its fingerprint. No
configuration of the user's is read. A private key from a secret stands in memory only, never on disk or
in an argument list.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.errors import Missing, NotFound, Problem, Refused, TimedOut, Unavailable
from reconciler.sources.git.address import Address
from reconciler.sources.git.program import Program
from reconciler.sources.git.ssh_config import in_memory, write_config
from reconciler.sources.git.transport import Login, Patience, cleaned, too_large

UNFINISHED: Final = "objects/pack/tmp_*"
# Nothing that a repository or a user has configured is run, and nobody tidies up beside us.
CONFIG: Final = (
    "core.hooksPath=/dev/null",
    "credential.helper=",
    "gc.auto=0",
    "fetch.unpackLimit=1",  # one file a fetch, as libgit2 does
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.ssh.allow=always",
)
FETCH: Final = (
    "fetch",
    "--force",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--progress",
)

_SIGNS: Final[Sequence[tuple[str, type[Problem], str, str]]] = (
    (
        "permission denied (",
        Refused,
        "does not let us in",
        "give the source a key that may read it: `auth: {privateKey: {secret: NAME, key: KEY}}`",
    ),
    (
        "not appear to be a git repository",
        NotFound,
        "is no repository that we may see",
        "correct the address",
    ),
    ("repository not found", NotFound, "is not to be seen", "correct the address"),
    ("timed out", TimedOut, "does not answer", "it is tried again; see whether it is up"),
)
_NOISE: Final = (
    "debug1:",
    "Authenticated to ",
    "Transferred: ",
    "Bytes per second: ",
    "fatal: Could not read from remote",
    "Please make sure",
    "and the repository exists",
)
PASSED: Final = ("PATH", "HOME", "SSH_AUTH_SOCK", "TMPDIR")

_HOST_KEY: Final = re.compile(r"Server host key: (\S+) (SHA256:\S+)")


class OpenSsh:
    """Fetches one address."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address = address
        self._patience = patience
        self._program = Program(address.url, patience)

    async def fetch(self, mirror: Path, refspecs: Sequence[str], login: Login) -> Collection[str]:
        missing = [name for name in ("git", "ssh") if shutil.which(name) is None]
        if missing:
            raise Missing(
                f"{self._address.url} is fetched by `git` and `ssh`, and there is no `{missing[0]}`",
                remedy="install git and openssh-client, or fetch over https",
            )
        with _scratch(mirror) as scratch, in_memory(login.key) as key:
            config = write_config(scratch, self._address, login, self._patience, key)
            command = (*FETCH, "--progress", "--", self._address.url, *refspecs)
            status, said = await self._git(config, mirror, *command)
            if status == 0:
                return {spec.removeprefix("+").partition(":")[0] for spec in refspecs}
            if "couldn't find remote ref" not in said:
                raise _explained(said, self._address)
            status, said = await self._git(config, mirror, "ls-remote", "--", self._address.url)
            return {line.partition("\t")[2] for line in said.splitlines() if "\t" in line}

    def stop(self) -> None:
        self._program.stop()

    async def _git(self, config: Path, mirror: Path, *command: str) -> tuple[int, str]:
        def watch(_: bytes) -> int:
            received = _incoming(mirror)
            if received > self._patience.pack:
                raise too_large(self._address.url, self._patience.pack)
            return received

        settings = [part for setting in CONFIG for part in ("-c", setting)]
        argv = ["git", f"--git-dir={mirror}", *settings, *command]
        return await self._program.run(argv, _environment(config), watch=watch)


@contextmanager
def _scratch(mirror: Path) -> Iterator[Path]:
    """A folder beside the mirror, for one fetch; what one that was killed has left goes first."""
    folder = mirror.with_name("ssh")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _incoming(mirror: Path) -> int:
    """How much of a pack has come."""
    total = 0
    for path in mirror.glob(UNFINISHED):
        with suppress(FileNotFoundError):  # it is finished just now
            total += path.stat().st_size
    return total


def _environment(config: Path) -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED if name in os.environ} | {
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": f"ssh -F {shlex.quote(str(config))}",
        "GIT_SSH_VARIANT": "ssh",
    }


def _explained(said: str, address: Address) -> Problem:
    """What git and ssh said, as cause, place and remedy."""
    if "Host key verification failed" in said:
        return _unknown_host(said, address)
    for sign, problem, meaning, remedy in _SIGNS:
        if sign in said.lower():
            return problem(f"{address.url} {meaning}: {_last(said)}", remedy=remedy)
    return Unavailable(f"{address.url} cannot be fetched: {_last(said)}", remedy="it is tried again")


def _unknown_host(said: str, address: Address) -> Refused:
    found = _HOST_KEY.search(said)
    kind, shown = found.groups() if found else ("key", "SHA256:…")
    known = "is not the one that is known" if "IDENTIFICATION HAS CHANGED" in said else "is not known"
    return Refused(
        f"{address.url} is not trusted: the host's key {known}: {kind} {shown}",
        remedy=f"compare this fingerprint with what the host's owner publishes, then pin it in the source: "
        f'`auth: {{hostKeys: ["{shown}"]}}`',
    )


def _last(said: str) -> str:
    """The line that tells most: the last one that is no part of the farewell, nor of ssh's diary."""
    lines = [line for line in said.replace("\r", "\n").splitlines() if line and not line.startswith(_NOISE)]
    return cleaned(lines[-1]) if lines else "no reason given"
