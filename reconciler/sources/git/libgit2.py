"""Fetch with libgit2: from a path, and over http(s).

Rules: libgit2 blocks, so a fetch has a thread of its own, and there is never more than one: a thread
that a remote holds on to is given up, and nothing is fetched until it has ended. Credentials go to the
host that was named and to no other, wherever that one sends us.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import CredentialType
from pygit2.remotes import TransferProgress

from reconciler.errors import Failed, Invalid, NotFound, Problem, Refused, TimedOut, Unavailable
from reconciler.sources.git.address import Address, Way
from reconciler.sources.git.transport import Login, Patience, cleaned, too_large

_STATUS: Final = re.compile(r"unexpected http status code: (\d+)")
_NOT_FOUND: Final = {"404", "410"}
_FORBIDDEN: Final = {"401", "403"}


class Libgit2:
    """Fetches one address."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address = address
        self._patience = patience
        self._ended = asyncio.Event()  # the thread of the last fetch, which may have been given up before
        self._ended.set()
        self._watcher = _Watcher(address, Login(), patience.pack)
        self._stopped = False
        self._done: asyncio.Future[Collection[str]] | None = None

    async def fetch(self, mirror: Path, refspecs: Sequence[str], login: Login) -> Collection[str]:
        if self._stopped:
            raise Unavailable(f"fetching {self._address.url} was ended")
        try:
            await asyncio.wait_for(self._ended.wait(), self._patience.connect)
        except TimeoutError:
            raise Unavailable(
                f"{self._address.url} still holds on to an earlier fetch",
                remedy="it is tried again when that has ended; see what the server is doing",
            ) from None
        self._watcher = watcher = _Watcher(self._address, login, self._patience.pack)
        done: asyncio.Future[Collection[str]] = asyncio.get_running_loop().create_future()
        self._done = done
        self._ended.clear()
        arguments = (mirror, refspecs, watcher, done)
        threading.Thread(target=self._work, args=arguments, name="git fetch", daemon=True).start()
        try:
            await asyncio.wait({done}, timeout=self._patience.answer)
            if not done.done() and watcher.heard:
                await asyncio.wait({done}, timeout=self._patience.whole)
            if not done.done():
                raise TimedOut(
                    f"{self._address.url} answers, but does not come to an end",
                    remedy="it is tried again; see whether `git ls-remote` works there",
                )
            return done.result()
        finally:
            watcher.over = True
            done.cancel()  # what comes now is for nobody

    def stop(self) -> None:
        self._stopped = True
        self._watcher.over = True
        if self._done is not None and not self._done.done():
            self._done.set_exception(Unavailable(f"fetching {self._address.url} was ended"))

    def _work(
        self,
        mirror: Path,
        refspecs: Sequence[str],
        watcher: _Watcher,
        done: asyncio.Future[Collection[str]],
    ) -> None:
        result: Collection[str] = ()
        error: Exception | None = None
        try:
            result = self._fetch(mirror, refspecs, watcher)
        except Problem as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - whatever it is, somebody waits for it
            error = _explained(failure, self._address)

        def settle() -> None:
            self._ended.set()
            if done.done():
                return  # nobody waits any more
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)

        with suppress(RuntimeError):  # the loop has ended, and the node with it
            done.get_loop().call_soon_threadsafe(settle)

    def _fetch(self, mirror: Path, refspecs: Sequence[str], watcher: _Watcher) -> Collection[str]:
        if self._address.way is Way.PATH:
            _look_at(self._address.url)
        pygit2.settings.server_connect_timeout = int(self._patience.connect * 1000)
        pygit2.settings.server_timeout = int(self._patience.silence * 1000)
        # A handle of its own: that of the mirror is being read from meanwhile.
        remote = pygit2.Repository(str(mirror)).remotes.create_anonymous(self._address.url)
        # Never in the clear: a proxy of the environment is for https alone.
        remote.fetch(list(refspecs), callbacks=watcher, proxy=self._address.scheme == "https" or None)
        return {head.name for head in remote.list_heads(connect=False) if head.name}


class _Watcher(pygit2.RemoteCallbacks):
    """What libgit2 asks and tells during one fetch, in its thread."""

    def __init__(self, address: Address, login: Login, most: int) -> None:
        super().__init__()
        self._most = most
        self.over = False
        self.heard = False
        self.asked = False
        self._address = address
        self._login = login

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: CredentialType
    ) -> pygit2.UserPass:
        if not self._login.token:
            raise Refused(
                f"{self._address.url} wants credentials, and the source has none",
                remedy="give the source a token: `auth: {token: {secret: NAME, key: KEY}}`",
            )
        if not self._address.same_door(url):
            raise Refused(
                f"{self._address.url} sends us to another server, which wants our credentials",
                remedy="if that is meant to be, write the new address into the source",
            )
        if self.asked:
            raise Refused(
                f"{self._address.url} does not accept the source's token",
                remedy="see whether it has expired, and may read this repository",
            )
        self.asked = True
        return pygit2.UserPass(self._login.user or "git", self._login.token)

    def sideband_progress(self, string: str) -> None:
        self._go_on()

    def transfer_progress(self, stats: TransferProgress) -> None:
        self._go_on()
        if stats.received_bytes > self._most:
            raise too_large(self._address.url, self._most)

    def _go_on(self) -> None:
        self.heard = True
        if self.over:
            raise Unavailable(f"fetching {self._address.url} was ended")


def _look_at(folder: str) -> None:
    """Say what libgit2 does not about a repository on this machine."""
    if not Path(folder).is_dir():
        raise NotFound(f"{folder} does not exist", remedy="correct the path to the repository")
    if pygit2.discover_repository(folder, False, str(Path(folder).parent)) is None:
        raise NotFound(f"{folder} is no git repository", remedy="name its topmost folder")
    if pygit2.Repository(folder).is_shallow:
        raise Invalid(f"{folder} is a shallow clone", remedy="run `git fetch --unshallow` there")


def _explained(error: Exception, address: Address) -> Problem:
    """What libgit2 says, as cause, place and remedy."""
    said = cleaned(str(error))
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
