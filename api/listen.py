"""The sockets that the API listens on, made so that nobody can get in between.

Rules: the Unix socket is the owner's alone (0600) from its first moment and takes the place of a dead
node's in one step, never that of a living one; TCP is for loopback addresses only, unless everybody there is
asked for a key and nobody on the way can read along. A path may be longer than a socket's address can hold.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from reconciler.errors import Conflict, Invalid, Refused

BACKLOG = 2048
MODE = 0o600


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def parse(text: str) -> Address:
    """`HOST:PORT`, `[::1]:PORT`; port 0 is any that is free."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is not None and is_loopback(host) and host.endswith("localhost"):
        host = "127.0.0.1"
    if not (host and _is_address(host)) or port is None or "/" in text or "@" in text:
        raise Invalid(f"'{text}' is no address to listen on", remedy="write HOST:PORT, as in 127.0.0.1:8081")
    return Address(host, port)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


def refuse_wider(address: Address, *, tls: bool, require_auth: bool) -> None:
    """Beyond this machine nobody reads along, and nobody is let in who does not say who they are."""
    if is_loopback(address.host):
        return
    if not tls:
        raise Refused(
            f"{address} is beyond this machine, where without TLS whoever is on the way reads along",
            remedy="set `api.tls_certificate`, `api.tls_key` and `api.require_auth`; or listen on a loopback"
            " address, and let a proxy that checks who is asking stand before it",
        )
    if not require_auth:
        raise Refused(
            f"{address} is beyond this machine, where without `api.require_auth` anybody may read all",
            remedy="set `api.require_auth`; `holdfast api-key create` makes keys",
        )


def tcp(address: Address) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def unix(path: Path) -> socket.socket:
    """Listen first under another name, then take the place: no client ever meets a dead socket."""
    with _reachable(path) as place:
        if _answers(place):
            raise Conflict(f"another node answers at {path}", remedy="stop it first: `holdfast down`")
        fresh = place.with_name(f".{place.name}.new")
        listener = socket.socket(socket.AF_UNIX)
        try:
            os.fchmod(listener.fileno(), MODE)  # what Linux gives to the file at its birth
            fresh.unlink(missing_ok=True)
            listener.bind(str(fresh))
            listener.listen(BACKLOG)
            listener.setblocking(False)
            fresh.replace(place)
        except OSError:
            listener.close()
            raise
    return listener


def remove(path: Path) -> None:
    """Take the socket away, unless it is somebody else's by now."""
    with suppress(FileNotFoundError), _reachable(path) as place:
        if not _answers(place):
            place.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # somebody is there, if only too busy
    return True


@contextmanager
def _reachable(path: Path) -> Iterator[Path]:
    """A short way there: a socket's address holds about a hundred bytes, a path may have four thousand."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{folder}") / path.name
    finally:
        os.close(folder)
