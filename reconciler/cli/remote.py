"""A running node, asked over its Unix socket or its HTTP address with nothing but the standard library.

Rules: a problem document becomes the same error that the node raised; what cannot be reached says how
to start it; nothing is imported here that a quick command would wait for.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLCertVerificationError, SSLContext, create_default_context
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from reconciler import errors
from reconciler.cli.manner import Manner
from reconciler.errors import Limited, Problem, TimedOut, Unavailable

BY_CODE: Mapping[str, type[Problem]] = {
    one.code: one
    for one in (
        errors.Invalid,
        errors.Missing,
        errors.NotFound,
        errors.Conflict,
        errors.Refused,
        errors.Unauthorized,
        errors.TooLarge,
        errors.Limited,
        errors.Unavailable,
        errors.TimedOut,
    )
}
SCHEMES = frozenset({"http", "https"})
BY_STATUS: Mapping[int, type[Problem]] = {
    401: errors.Unauthorized,
    403: errors.Refused,
    404: errors.NotFound,
    408: errors.TimedOut,
    409: errors.Conflict,
    412: errors.Conflict,
    429: errors.Limited,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.TimedOut,
}


def located(*names: str) -> str:
    """As a part of a path: whatever stands in a name, it is a name there, too."""
    return "/".join(quote(name, safe="") for name in names)


class _OverSocket(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("holdfast", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class BrokenOff(Unavailable):
    """The answer had begun."""


class Endless(NamedTuple):
    """An answer that goes on."""

    form: str  # its media type
    silence_s: float | None  # which means that nobody is there any more


class Remote:
    def __init__(self, address: str, timeout: float = 30.0, manner: Manner | None = None) -> None:
        self._address = address
        self._timeout = timeout
        self._manner = manner or Manner()

    @property
    def _shown(self) -> str:
        """The address without who asks there."""
        scheme, separator, rest = self._address.rpartition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2] if separator else rest}"

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        *,
        timeout: float | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """The decoded answer; None for an empty one."""
        answer = self._open(method, path, query, body, timeout)
        try:
            with answer:
                text = answer.read()
        except (OSError, HTTPException) as error:
            raise self._broken_off(error) from error
        return json.loads(text) if text else None

    def lines(
        self, path: str, query: Mapping[str, str], form: str, silence_s: float | None = None
    ) -> Iterator[str]:
        """The lines of an answer that goes on; `silence_s`: nobody is there who says nothing for so long."""
        with self._open("GET", path, query, None, None, Endless(form, silence_s)) as answer:
            try:
                for line in answer:
                    if not line.endswith(b"\n"):
                        raise self._broken_off(EOFError("half a line"))
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
                if answer.chunked and answer.chunk_left is not None:
                    raise self._broken_off(EOFError("its end is missing"))
            except (OSError, HTTPException) as error:
                raise self._broken_off(error) from error

    def _broken_off(self, error: Exception) -> BrokenOff:
        return BrokenOff(
            f"the node at {self._shown} broke off in the midst of its answer ({error})",
            remedy="see with `holdfast status` whether it still runs, and ask again",
        )

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        timeout: float | None,
        endless: Endless | None = None,
    ) -> HTTPResponse:
        """The answer; where a limit refuses it for now, that after the time it says, if there is as much."""
        until = monotonic() + (timeout or self._timeout)
        while True:
            answer = self._asked(method, path, query, body, timeout, endless)
            if answer.status < 400:  # noqa: PLR2004 - where HTTP's errors begin
                return answer
            try:
                with answer:
                    problem = _problem(answer)
            except (OSError, HTTPException) as error:
                raise self._broken_off(error) from error
            pause_s = answer.getheader("Retry-After", "") if isinstance(problem, Limited) else ""
            if not pause_s.isdigit() or monotonic() + int(pause_s) > until:
                raise problem
            self._manner.tell(f"{problem.message}: again in {pause_s} s")
            sleep(int(pause_s))

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        timeout: float | None,
        endless: Endless | None,
    ) -> HTTPResponse:
        connection = self._connection(timeout or self._timeout)
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": f"{endless.form if endless else 'application/json'}, application/problem+json",
            "Connection": "close",
            **self._manner.headers(),
        }
        if data is not None:
            headers["Content-Type"] = "application/json"
        target = f"{path}?{urlencode(query)}" if query else path
        began = monotonic()
        try:
            connection.request(method, target, data, headers)
            if endless and connection.sock is not None:
                connection.sock.settimeout(endless.silence_s)
            answer = connection.getresponse()
        except TimeoutError as error:
            connection.close()
            raise TimedOut(f"{self._shown} did not answer in {timeout or self._timeout:g} s") from error
        except SSLCertVerificationError as error:
            connection.close()
            raise Unavailable(
                f"{self._shown} cannot prove that it is the node ({error.verify_message})",
                remedy="ask by a name that its certificate has; `--ca-file` names who has signed that",
            ) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise Unavailable(
                f"no node answers at {self._shown} ({error})", remedy="start one with `holdfast up PATH`"
            ) from error
        if connection.sock is not None:  # kept alive by who answers, and nobody asks twice over it
            connection.sock.close()  # when the answer is closed
        took, name = (monotonic() - began) * 1000, answer.getheader("X-Request-ID", "")
        self._manner.tell(f"{method} {target} at {self._shown}: {answer.status} in {took:.0f} ms, {name}")
        return answer

    def _connection(self, timeout: float) -> HTTPConnection:
        if "://" not in self._address:
            return _OverSocket(self._address, timeout)
        try:
            parts = urlsplit(self._address)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
            if not host.isascii():
                host.encode("idna")
        except ValueError:
            scheme, host, port = "", "", None
        if not host or scheme not in SCHEMES:
            raise errors.Invalid(
                f"{self._shown} is no node's address", remedy="write `http://HOST:PORT`, or `--socket PATH`"
            )
        if scheme == "http":
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(host, port, timeout=timeout, context=_trusting(self._manner.ca_file))


def _trusting(ca_file: str) -> SSLContext:
    try:
        return create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise errors.Invalid(
            f"{ca_file} holds no certificates ({error.strerror or error})",
            remedy="name a PEM file with `--ca-file` or HOLDFAST_CA_FILE",
        ) from error


def _problem(answer: HTTPResponse) -> Problem:
    text = answer.read()
    try:
        document = json.loads(text)
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    kind = BY_CODE.get(str(document.get("code", ""))) or _by_status(answer.status)
    detail = str(document.get("detail") or f"{answer.status} {answer.reason}")
    if misplaced := _misplaced(document):
        return errors.Rejected(misplaced)
    problem = kind(detail, remedy=str(document.get("remedy", "")))
    problem.document = document  # type: ignore[attr-defined]
    return problem


def _misplaced(document: Mapping[str, Any]) -> list[errors.Misplaced]:
    """What is wrong with manifests that were sent; nothing, if this is no node of ours."""
    try:
        params = [one for one in document["invalid_params"] if "place" in one]
        return [
            errors.Misplaced(_place(one["place"]), one["field"], one["message"], remedy=one["suggestion"])
            for one in params
        ]
    except (KeyError, TypeError, ValueError):
        return []


def _place(text: str) -> errors.Place:
    file, line, column = text.rsplit(":", 2)
    return errors.Place(file, int(line), int(column))


def _by_status(status: int) -> type[Problem]:
    """Of an answer with no code that is known: of a proxy, or of a newer node."""
    if known := BY_STATUS.get(status):
        return known
    return errors.Invalid if 400 <= status < 500 else errors.Failed  # noqa: PLR2004 - whose fault it is
