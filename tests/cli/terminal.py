"""The command on a terminal of its own, as a person has it: with a size, with keys, and able to go away."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
# A size that is inherited would count more than the terminal's own.
_INHERITED = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
INTERRUPT = b"\x03"


class Terminal:
    """What it has shown is kept as a whole: whoever looks for something sees each frame that was drawn."""

    def __init__(self, words: tuple[str, ...], environ: Mapping[str, str], columns: int, rows: int) -> None:
        self._ours, its_end = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", HOLDFAST, *words],
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            env={**_INHERITED, "TERM": "xterm-256color", **environ},
        )
        os.close(its_end)
        self._said = b""
        self._gone = False
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        with suppress(OSError):  # EIO: nobody has it open any more
            while not self._gone:
                ready, _, _ = select.select([self._ours], [], [], 0.05)
                if ready:
                    self._said += os.read(self._ours, 65536)

    @property
    def raw(self) -> str:
        return self._said.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that was shown so far, without what moves the cursor or colours."""
        return ESCAPES.sub("", self.raw.replace("\r\n", "\n").replace("\r", "\n"))

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def hang_up(self) -> None:
        """The window is closed. Who else reads from it would keep it open."""
        self._gone = True
        self._reading.join()
        os.close(self._ours)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)
        self._reading.join(60)
        if not self._gone:
            os.close(self._ours)


@contextmanager
def on_a_terminal(
    *words: str, environ: Mapping[str, str] | None = None, columns: int = 100, rows: int = 30
) -> Iterator[Terminal]:
    terminal = Terminal(words, environ or {}, columns, rows)
    try:
        yield terminal
    finally:
        terminal.close()
