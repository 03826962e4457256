"""What other processes work out while this one goes on.

Rules: they answer with plain data; whatever keeps one from its answer, the asker does the work itself; none
outlives its use. Where other threads run, or no processor is to spare, nobody is asked.
"""

from __future__ import annotations

import marshal
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def spare_processors(processors: int = 0) -> int:
    """How many others can work beside this process; `processors`: there are so many."""
    return 0 if threading.active_count() > 1 else (processors or _processors()) - 1


def _processors() -> int:
    with suppress(AttributeError):  # not everywhere is it told which of them are for us
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Beside:
    """A process that does one piece of work; OSError where none is to be had."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._answer, write = os.pipe()
        try:
            self._process = os.fork()
        except OSError:
            os.close(self._answer)
            os.close(write)
            raise
        if self._process == 0:
            try:
                with open(write, "wb") as pipe:  # noqa: PTH123 - a descriptor
                    pipe.write(marshal.dumps(work()))
            finally:
                os._exit(0)  # whatever happened: what belongs to the other process is not ours to end
        os.close(write)

    def answer(self) -> Any:  # noqa: ANN401 - what the work gives
        """None when it came to an early end."""
        with open(self._answer, "rb", closefd=False) as pipe:
            answer = pipe.read()
        with suppress(EOFError, ValueError, TypeError):
            return marshal.loads(answer)  # noqa: S302 - our own process wrote it
        return None

    def end(self) -> None:
        os.close(self._answer)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
