"""The few requests that an operator makes of an API server, and what its refusals mean.

Rules: JSON in, JSON out; each failure is one of our errors, with its cause; credentials that have expired
are read anew, once for a request. Only this file knows which library speaks HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from reconciler.errors import Conflict, Failed, Invalid, NotFound, Problem, Refused, Unauthorized, Unavailable
from reconciler.model import JsonValue
from reconciler.sources.cluster.connection import Login

ANSWER_S: Final = 10.0  # how long one answer may take
SILENCE_S: Final = 300.0  # a watch that says nothing for so long is dead: bookmarks come every minute
CLOSING_S: Final = 0.1  # what aiohttp closes over TLS is closed a little later, and must find a loop
WATCH_S: Final = 240  # how long the server keeps one watch open
LONGEST_LINE: Final = 32 << 20  # of a watch: one object; etcd takes 1.5 MiB

AGENT: Final = "holdfast-operator"  # and so the name of the manager of the fields that we write
MERGE_PATCH: Final = "application/merge-patch+json"

Json = dict[str, Any]


class Expired(Problem):
    """The version to go on from is too old: list anew."""


class Client:
    def __init__(self, login: Callable[[], Login]) -> None:
        self._log_in = login
        self.login = login()
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()
        await asyncio.sleep(CLOSING_S)

    async def get(self, path: str, **query: str) -> Json:
        return await self._ask("GET", path, query=query)

    async def post(self, path: str, body: JsonValue) -> Json:
        return await self._ask("POST", path, body)

    async def put(self, path: str, body: JsonValue) -> Json:
        return await self._ask("PUT", path, body)

    async def patch(self, path: str, body: JsonValue) -> Json:
        """Merge it in. With `metadata.resourceVersion` it holds for that version only."""
        return await self._ask("PATCH", path, body, kind=MERGE_PATCH)

    async def watch(self, path: str, since: str) -> AsyncIterator[Json]:
        """What happens from a version on, until the server ends it; raises `Expired` when it is too old."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_S),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S, sock_read=SILENCE_S)
        login = self.login
        try:
            async with self._open().get(self.login.server + path, params=query, timeout=timeout) as answer:
                await _checked(answer, path)
                while line := await answer.content.readuntil(b"\n") if not answer.content.at_eof() else b"":
                    event: Json = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _problem(int(event["object"].get("code", 500)), event["object"], path)
                    yield event
        except Unauthorized:
            await self._renew(login)
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _away(self.login.server, error) from error

    async def _ask(
        self,
        method: str,
        path: str,
        body: JsonValue = None,
        *,
        query: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> Json:
        data = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            login = self.login
            try:
                async with self._open().request(
                    method,
                    self.login.server + path,
                    params=query,
                    data=data,
                    headers={"Content-Type": kind},
                    timeout=aiohttp.ClientTimeout(total=ANSWER_S),
                ) as answer:
                    if answer.status != 401 or last:  # noqa: PLR2004 - HTTP's own number
                        await _checked(answer, path)
                        found: Json = await answer.json()
                        return found
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise _away(self.login.server, error) from error
            await self._renew(login)
        raise AssertionError("the second try answers or raises")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = self.login.tls if self.login.tls is not None else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=tls),
                headers={**self.login.headers, "User-Agent": AGENT},
                read_bufsize=LONGEST_LINE,
            )
        return self._session

    async def _renew(self, refused: Login) -> None:
        """Once for all who were refused by the same; a program may be asked for it, which takes its time."""
        async with self._renewing:
            if self.login is refused:
                self.login = await asyncio.to_thread(self._log_in)
                await self._end()

    async def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _checked(answer: aiohttp.ClientResponse, path: str) -> None:
    if answer.status >= 400:  # noqa: PLR2004 - HTTP's own number
        text = await answer.text(errors="replace")
        try:
            told = json.loads(text)
        except ValueError:
            told = {"message": text[:200]}
        raise _problem(answer.status, told if isinstance(told, dict) else {}, path)


def _problem(status: int, told: Mapping[str, JsonValue], path: str) -> Problem:
    message = f"{path}: {told.get('message') or f'HTTP {status}'}"
    match status:
        case 401:
            return Unauthorized(message, remedy="the credentials are no longer good: log in anew")
        case 403:
            return Refused(message, remedy="grant what manifests/rbac.yaml grants")
        case 404:
            return NotFound(message)
        case 409:
            return Conflict(message)
        case 410:
            return Expired(message)
        case 400 | 422:
            return Invalid(message)
        case 429:
            return Unavailable(message)
    return Unavailable(message) if status >= 500 else Failed(message)  # noqa: PLR2004 - HTTP's own number


def _away(server: str, error: Exception) -> Unavailable:
    return Unavailable(f"the API server {server} does not answer: {type(error).__name__}: {error}")
