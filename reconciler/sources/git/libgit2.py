"""Fetch with libgit2: from a path, and over http(s).

Rules: libgit2 fetches in a process of its own (`fetcher`), which a bad server may hang or crash. Whether
there is anything new at a path on this machine is seen without one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import pygit2

from reconciler.errors import Failed, Invalid, NotFound, Problem, Refused, TimedOut, Unavailable
from reconciler.sources.git import fetcher
from reconciler.sources.git.address import Address, Way
from reconciler.sources.git.program import Program
from reconciler.sources.git.threads import in_thread
from reconciler.sources.git.transport import Login, Patience, cleaned, too_large

_STATUS: Final = re.compile(r"unexpected http status code: (\d+)")
_NOT_FOUND: Final = {"404", "410"}
_FORBIDDEN: Final = {"401", "403"}


class Libgit2:
    """Fetches one address."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address = address
        self._patience = patience
        self._program = Program(address.url, patience)

    async def fetch(self, mirror: Path, refspecs: Sequence[str], login: Login) -> Collection[str]:
        if self._address.way is Way.PATH and await in_thread(_is_here, self._address.url, mirror, refspecs):
            return {spec.removeprefix("+").partition(":")[0] for spec in refspecs}
        request = {
            "mirror": str(mirror),
            "url": self._address.url,
            "refspecs": list(refspecs),
            "user": login.user or "git",
            "token": login.token,
            "connect_ms": int(self._patience.connect * 1000),
            "silence_ms": int(self._patience.silence * 1000),
            "most": self._patience.pack,
        }
        # Without the folder of the program in its path: what is in there are parts of a package.
        argv = (sys.executable, "-P", fetcher.__file__)
        asked = json.dumps(request).encode() + b"\n"
        status, said = await self._program.run(argv, os.environ, request=asked, watch=_received)
        if status < 0:
            raise Unavailable(
                f"{self._address.url} answered what libgit2 does not survive (signal {-status})",
                remedy="it is tried again; see whether `git ls-remote` works there",
            )
        answer = _answer(said)
        if "offered" in answer:
            return frozenset(map(str, answer["offered"]))
        raise self._explained(answer.get("ended", ""), answer.get("said", said))

    def stop(self) -> None:
        self._program.stop()

    def _explained(self, ended: str, said: str) -> Problem:
        url = self._address.url
        match ended:
            case fetcher.WANTS_LOGIN:
                return Refused(
                    f"{url} wants credentials, and the source has none",
                    remedy="give the source a token: `auth: {token: {secret: NAME, key: KEY}}`",
                )
            case fetcher.OTHER_HOST:
                return Refused(
                    f"{url} sends us to another server, which wants our credentials",
                    remedy="if that is meant to be, write the new address into the source",
                )
            case fetcher.LOGIN_REFUSED:
                return Refused(
                    f"{url} does not accept the source's token",
                    remedy="see whether it has expired, and may read this repository",
                )
            case fetcher.TOO_LARGE:
                return too_large(url, self._patience.pack)
        return _explained(cleaned(said), self._address)


def _received(said: bytes) -> int:
    """How many bytes have come, as the fetcher tells now and then."""
    return max((int(line) for line in said.split() if line.isdigit()), default=0)


def _answer(said: str) -> dict[str, Any]:
    """The last line; empty when it is no answer."""
    lines = said.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_here(folder: str, mirror: Path, refspecs: Sequence[str]) -> bool:
    """Whether the mirror has what the repository in this folder has; and what libgit2 does not say of it."""
    if not Path(folder).is_dir():
        raise NotFound(f"{folder} does not exist", remedy="correct the path to the repository")
    if pygit2.discover_repository(folder, False, str(Path(folder).parent)) is None:
        raise NotFound(f"{folder} is no git repository", remedy="name its topmost folder")
    try:
        repository = pygit2.Repository(folder)
        if repository.is_shallow:
            raise Invalid(f"{folder} is a shallow clone", remedy="run `git fetch --unshallow` there")
        if len(refspecs) != 1:
            return False
        source, _, target = refspecs[0].removeprefix("+").partition(":")
        return repository.lookup_reference(source).resolve().raw_target == _mark(mirror / target)
    except (KeyError, ValueError, OSError, pygit2.GitError):
        return False  # whatever it is, fetching tells


def _mark(file: Path) -> pygit2.Oid:
    return pygit2.Oid(hex=file.read_text().strip())


def _explained(said: str, address: Address) -> Problem:
    """What libgit2 says, as cause, place and remedy."""
    status = found[1] if (found := _STATUS.search(said)) else ""
    if status in _NOT_FOUND:
        return NotFound(
            f"{address.url} is not a repository that we may see (http status {status})",
            remedy="correct the address; a private repository needs `auth` with a token that may read it",
        )
    if status in _FORBIDDEN:
        return Refused(
            f"{address.url} refuses us (http status {status})",
            remedy="see whether the source's token has expired, and may read this repository",
        )
    if "authentication" in said:
        return Refused(f"{address.url} lets nobody in with a token: {said}", remedy="fetch over ssh instead")
    if "cannot redirect" in said:
        return Refused(
            f"{address.url} sends us elsewhere: {said}",
            remedy="if that is meant to be, write the new address into the source",
        )
    if "certificate" in said.lower():
        return Refused(
            f"{address.url} has no certificate that this machine trusts: {said}",
            remedy="install the authority's certificate, or name it in SSL_CERT_FILE",
        )
    if "timed out" in said:
        return TimedOut(f"{address.url} is silent: {said}", remedy="it is tried again; see whether it is up")
    if "sha256" in said:
        return Invalid(f"{address.url}: SHA-256 repositories are not supported: {said}", remedy="use SHA-1")
    if "No space left" in said:
        return Failed(f"no room to fetch {address.url}: {said}", remedy="free space in the node's folder")
    return Unavailable(f"{address.url} cannot be fetched: {said}", remedy="it is tried again")
