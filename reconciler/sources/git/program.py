"""Run a program that fetches: listened to, bounded in time, and killed with all its children.

Rules: a program that says nothing is not there; it has `Patience.answer` between two signs of life. One
that fetches hardly anything is given up, and one that gets further goes on for as long as it takes. Who
stops waiting kills it. Never two at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

from reconciler.errors import TimedOut, Unavailable
from reconciler.sources.git.transport import Patience

KEPT_OUTPUT: Final = 64 << 10


class Program:
    """Runs programs that fetch from one address."""

    def __init__(self, url: str, patience: Patience) -> None:
        self._url = url
        self._patience = patience
        self._running: asyncio.subprocess.Process | None = None
        self._stopped = False
        self._turn = asyncio.Lock()

    async def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        request: bytes = b"",
        watch: Callable[[bytes], int] = lambda _: 0,
    ) -> tuple[int, str]:
        """How it ended, and the last of what it wrote.

        `watch` is called with each piece that it says: it tells how many bytes have come, and may raise.

        With a `request` its standard input stays open for as long as we live.
        """
        async with self._turn:
            self._check()
            self._running = process = await asyncio.create_subprocess_exec(
                *argv,
                env=env,
                stdin=asyncio.subprocess.PIPE if request else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                if process.stdin is not None:
                    process.stdin.write(request)
                async with asyncio.timeout(self._patience.whole) as limit:
                    said = await self._listen(process, watch, limit)
                    status = await process.wait()
            except TimeoutError:
                raise TimedOut(
                    f"{self._url} answers, but does not come to an end",
                    remedy="it is tried again; see whether `git ls-remote` works there",
                ) from None
            finally:
                self._kill()
                await process.wait()
            self._check()
            return status, said

    def stop(self) -> None:
        """Kill what runs, and run nothing more."""
        self._stopped = True
        self._kill()

    def _check(self) -> None:
        if self._stopped:
            raise Unavailable(f"fetching {self._url} was ended")

    async def _listen(
        self, process: asyncio.subprocess.Process, watch: Callable[[bytes], int], limit: asyncio.Timeout
    ) -> str:
        output = cast("asyncio.StreamReader", process.stdout)
        began = asyncio.get_running_loop().time()
        said, came = b"", 0
        while True:
            async with asyncio.timeout(self._patience.answer):
                more = await output.read(KEPT_OUTPUT)
            if not more:
                return said.decode("utf-8", "replace")
            said = (said + more)[-KEPT_OUTPUT:]
            came = max(came, watch(more))
            limit.reschedule(began + self._patience.whole + came / self._patience.slowest)

    def _kill(self) -> None:
        if self._running is not None and self._running.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
