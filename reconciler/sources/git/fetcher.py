"""The program that fetches with libgit2: a request on standard input, one answer on standard output.

Until then it says now and then how many bytes have come.

It is a process of its own because libgit2 blocks, and because a server that answers more than it was
asked crashes it. Rules: it imports nothing of Holdfast, so that it starts quickly; it ends when its
standard input does, since then nobody waits any more. Credentials go to the host that was named and to
no other, wherever that one sends us.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pygit2
from pygit2.enums import ConfigLevel, CredentialType
from pygit2.remotes import TransferProgress

PORTS: Final = {"http": 80, "https": 443}
SIGN_OF_LIFE_S: Final = 0.5

# What ended it, in words that the other side explains.
WANTS_LOGIN: Final = "wants-login"
OTHER_HOST: Final = "other-host"
LOGIN_REFUSED: Final = "login-refused"
TOO_LARGE: Final = "too-large"
FAILED: Final = "failed"


class Ended(Exception):
    """The fetch was ended by us."""


class Watcher(pygit2.RemoteCallbacks):
    """What libgit2 asks and tells."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        super().__init__()
        self._request = request
        self._asked = False
        self._told_at = 0.0
        self._received = 0

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: CredentialType
    ) -> pygit2.UserPass:
        if not self._request["token"]:
            raise Ended(WANTS_LOGIN)
        if door(url) != door(self._request["url"]):
            raise Ended(OTHER_HOST)
        if self._asked:
            raise Ended(LOGIN_REFUSED)
        self._asked = True
        return pygit2.UserPass(self._request["user"], self._request["token"])

    def sideband_progress(self, string: str) -> None:
        self._live()

    def transfer_progress(self, stats: TransferProgress) -> None:
        self._received = stats.received_bytes
        self._live()
        if stats.received_bytes > self._request["most"]:
            raise Ended(TOO_LARGE)

    def _live(self) -> None:
        if time.monotonic() >= self._told_at + SIGN_OF_LIFE_S:
            self._told_at = time.monotonic()
            say(str(self._received))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def door(url: str) -> tuple[str, str | None, int | None]:
    """The server that a URL leads to: the only one that may have our credentials is the one we named."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def fetch(request: Mapping[str, Any]) -> dict[str, object]:
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = ""  # `insteadOf` could send a token elsewhere
    # A repository named in a manifest may be another user's: nothing that its configuration says is run.
    pygit2.settings.owner_validation = False
    pygit2.settings.server_connect_timeout = request["connect_ms"]
    pygit2.settings.server_timeout = request["silence_ms"]
    remote = pygit2.Repository(request["mirror"]).remotes.create_anonymous(request["url"])
    # Never in the clear: a proxy of the environment is for https alone.
    proxy: Literal[True] | None = True if urlsplit(request["url"]).scheme == "https" else None
    try:
        remote.fetch(request["refspecs"], callbacks=Watcher(request), proxy=proxy)
    except Ended as ended:
        return {"ended": str(ended)}
    except (pygit2.GitError, OSError, ValueError, KeyError) as error:
        return {"ended": FAILED, "said": str(error)}
    return {"offered": [head.name for head in remote.list_heads(connect=False) if head.name]}


def _end_with_the_one_who_asked() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_one_who_asked, daemon=True).start()
    say(json.dumps(fetch(asked)))
    os._exit(0)  # the thread above still reads
