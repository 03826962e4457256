"""The wire to the keeper: one connection, many questions at once, and the news in between.

Rules: an answer finds its question by number. When the connection ends, every question still open ends
with `Lost`: whether it was done is unknown, and all of them may be asked again. What goes over this wire
holds secrets, so nothing of it is logged or put into an error.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Callable
from contextvars import Context
from itertools import count
from pathlib import Path
from typing import Any

from reconciler.drivers.processes.keeper.client import LONGEST_LINE as MOST_TAKEN
from reconciler.errors import Conflict, Failed, Invalid, NotFound, Problem, TimedOut, Unavailable
from reconciler.model import JsonValue

LONGEST_LINE = 64 << 20
PATIENCE_S = 10.0  # the keeper waits for nobody: one that does not answer is stopped or starved
ERRORS: dict[str, type[Problem]] = {
    error.code: error for error in (Conflict, Failed, Invalid, NotFound, Unavailable)
}


class Lost(Exception):
    """The keeper went away before it answered."""


class Link:
    """Made by `Link.to`; news come until `ended` is set."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, news: Callable[[JsonValue], None]
    ) -> None:
        self.ended = asyncio.Event()
        peer: socket.socket = writer.get_extra_info("socket")
        self.keeper_pid: int
        self.keeper_pid, *_ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._open: dict[int, asyncio.Future[JsonValue]] = {}
        self._hearing = asyncio.create_task(self._hear(news), context=Context())

    @classmethod
    async def to(cls, folder: Path, news: Callable[[JsonValue], None]) -> Link | None:
        """Connect to the keeper of the folder; None when there is none."""
        try:
            # By way of the folder's own descriptor: an address holds 107 letters, and a path may have more.
            fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            path = f"/proc/self/fd/{fd}/keeper.sock"
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as failure:
            raise Unavailable(f"cannot reach the keeper of {folder}: {failure.strerror}") from failure
        finally:
            os.close(fd)
        return cls(reader, writer, news)

    async def ask(self, verb: str, *, patience_s: float = PATIENCE_S, **fields: JsonValue) -> JsonValue:
        """Raise Lost, TimedOut when no answer comes in time, or the Problem that the keeper names."""
        if self.ended.is_set():
            raise Lost
        n = next(self._numbers)
        answer = self._open[n] = asyncio.get_running_loop().create_future()
        try:
            question = json.dumps({"n": n, "do": verb, **fields}).encode() + b"\n"
            if len(question) > MOST_TAKEN:  # the keeper would hang up, on all that others ask as well
                raise Invalid(
                    f"its command and environment have {len(question)} bytes; the keeper takes {MOST_TAKEN}",
                    remedy="put large values into files",
                )
            # Not drained: the keeper reads whatever comes, and a broken pipe shows as the end of its answers.
            self._writer.write(question)
            async with asyncio.timeout(patience_s):
                return await answer
        except TimeoutError:
            raise TimedOut(
                f"the keeper (pid {self.keeper_pid}) has not done '{verb}' within {patience_s:g} s",
                remedy="see keeper.log; it may be killed: what it supervises lives on and is found again",
            ) from None
        finally:
            del self._open[n]

    async def close(self) -> None:
        self._writer.transport.abort()
        await self._hearing

    async def _hear(self, news: Callable[[JsonValue], None]) -> None:
        try:
            while line := await self._reader.readline():
                message: dict[str, Any] = json.loads(line)
                if "n" in message:
                    self._answer(message)
                else:
                    news(message)
        except (ConnectionError, ValueError):
            pass  # ended midway, or by one who is no keeper
        finally:
            self._writer.transport.abort()
            self.ended.set()
            for answer in self._open.values():
                if not answer.done():
                    answer.set_exception(Lost())

    def _answer(self, message: dict[str, Any]) -> None:
        answer = self._open.get(message["n"])
        if answer is None or answer.done():
            return
        if "error" in message:
            error = message["error"]
            answer.set_exception(ERRORS.get(error["code"], Failed)(error["message"], remedy=error["remedy"]))
        else:
            answer.set_result(message["ok"])
