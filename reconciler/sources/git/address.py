"""Where a repository is and how it is reached, read from what a person wrote.

Rules: a password in the address is refused, since addresses are shown and logged. What would be an
option to `ssh` is no host. Protocols that neither encrypt nor tell who answers are not spoken, plain
http aside.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from reconciler.errors import Invalid, Refused
from reconciler.records import dataclass

_SCP: Final = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:\[\]]+):(?P<path>.+)")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*")
_SPOKEN: Final = "use https://, ssh:// or a path"
_USER: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+@-]*")
_PORTS: Final = {"http": 80, "https": 443, "ssh": 22}


class Way(StrEnum):
    """How it is reached."""

    PATH = "path"
    HTTP = "http"
    SSH = "ssh"


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's address. `url` is what is dialled and shown: it never holds a password."""

    way: Way
    url: str
    scheme: str = ""
    host: str = ""
    port: int = 0
    user: str = ""

    @classmethod
    def parse(cls, location: str) -> Address:
        if not location or not location.isprintable() or location != location.strip():
            raise Invalid(f"{location!r} is no repository's address", remedy="write a path or a URL")
        if re.match("[a-z0-9+.-]+::", location, re.IGNORECASE):  # git would run a program of that name
            raise Invalid(f"git over '{location.partition('::')[0]}' is not spoken", remedy=_SPOKEN)
        scheme, separator, rest = location.partition("://")
        if not separator:
            scp = _SCP.fullmatch(location)
            if scp is None or location.startswith(("/", ".", "~")):
                return cls(Way.PATH, _path(location))
            return cls(Way.SSH, location, "ssh", _host(scp["host"]), 22, user_name(scp["user"] or ""))
        if scheme == "file":
            return cls(Way.PATH, unquote(f"/{rest.partition('/')[2]}"))
        if scheme not in _PORTS:
            raise Invalid(f"git over '{scheme}' is not spoken", remedy=_SPOKEN)
        return cls._remote(scheme, location)

    @classmethod
    def _remote(cls, scheme: str, location: str) -> Address:
        try:
            parts = urlsplit(location)
            port = parts.port or _PORTS[scheme]
        except ValueError as error:
            raise Invalid("the repository's address has no valid host or port") from error
        if parts.password is not None:
            raise Refused(
                f"the address of the repository at {parts.hostname} holds a password",
                remedy="put it in a Secret, and refer to that in the source's `auth`",
            )
        host, user = _host(parts.hostname or ""), user_name(unquote(parts.username or ""))
        if scheme == "ssh":
            return cls(Way.SSH, location, scheme, host, port, user)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return cls(Way.HTTP, bare, scheme, host, port, user)

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.scheme != "http" or self.host in {"localhost", "::1"} or self.host.startswith("127.")


def _path(location: str) -> str:
    try:
        return str(Path(location).expanduser().absolute())
    except RuntimeError as error:
        raise Invalid(f"{location!r} begins with nobody's home folder") from error


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise Invalid(f"{host!r} is no host", remedy="write the repository's address as `git` takes it")
    return host.lower()


def user_name(user: str) -> str:
    """The name of a user, which nothing on the way could take for something else."""
    if user and not _USER.fullmatch(user):
        raise Invalid(f"{user!r} is no user's name")
    return user
