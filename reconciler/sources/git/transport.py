"""What every way of fetching a repository has in common.

Rules: a transport brings objects and references into the mirror and says what the remote offered; what
of it may be used is decided elsewhere. Each fetch is bounded in time and size, and ends early when it is
told to stop. What a server says is shown only cleaned and cut.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, Protocol

from reconciler.errors import TooLarge
from reconciler.records import dataclass

MAX_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """What to bear of a remote: seconds to wait, bytes to take."""

    connect: float = 10
    silence: float = 30  # between two pieces of an answer
    answer: float = 120  # until the first object arrives
    whole: float = 1800  # for a fetch, and more for what has come already:
    slowest: float = 1 << 10  # bytes a second; a large repository on a slow line comes to its end
    pack: int = 4 << 30  # in one fetch


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the remote. Nothing of it is ever shown."""

    user: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)  # a private key as OpenSSH writes it
    host_keys: tuple[str, ...] = ()  # whom we take for the remote; empty: whom this machine knows


class Transport(Protocol):
    """One way to fetch."""

    async def fetch(self, mirror: Path, refspecs: Sequence[str], login: Login) -> Collection[str]:
        """Bring what the refspecs name into the mirror; the names of those that the remote offers."""
        ...

    def stop(self) -> None:
        """End a fetch that is under way, and begin no other."""
        ...


def too_large(url: str, most: int) -> TooLarge:
    return TooLarge(
        f"{url} sends more than {most:,} bytes", remedy="keep manifests in a repository of their own"
    )


def cleaned(text: str, limit: int = MAX_SAID) -> str:
    """Somebody else's text, fit to be shown: no control or direction characters, no more than `limit`."""
    kept = (c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    whole = "".join(kept).strip()
    return whole if len(whole) <= limit else f"{whole[:limit]}…"
