"""What a process prints, on its way into its log: two named pipes.

Rules: the process itself holds both ends of its pipes, so that it neither dies nor loses a line when
the keeper does: what it prints waits in the pipe until the next keeper opens it by its name. A pipe
is read a chunk at a time, so that one that prints without end keeps none of the others waiting.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from .log import Log
from .loop import Loop

CHUNK = 16384
STREAMS = ("stdout", "stderr")
LAST_CHUNKS = 256  # more than any pipe holds: a stranger that still prints does not keep the reader here


class Output:
    def __init__(self, loop: Loop, folder: Path, name: str) -> None:
        self.log = Log(folder / "logs" / name)
        self._loop = loop
        self._pipes = {stream: folder / "pipes" / f"{name}.{stream}" for stream in STREAMS}
        self._readers: dict[str, int] = {}

    def ends(self) -> list[int]:
        """The files that become stdout and stderr of a new process; the caller closes its copies."""
        for path in self._pipes.values():
            if not path.is_fifo():
                os.mkfifo(path, 0o600)
        self.resume()
        ends: list[int] = []
        try:
            ends.extend(os.open(path, os.O_RDWR) for path in self._pipes.values())
        except OSError:
            for fd in ends:
                os.close(fd)
            raise
        return ends

    def resume(self) -> None:
        """Read the pipes, from where they were left."""
        for stream, path in self._pipes.items():
            if stream not in self._readers and path.is_fifo():
                fd = self._readers[stream] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                self._loop.watch(fd, partial(self._read, stream))

    def drain(self) -> None:
        """Read what the process left when it ended, so that its end is told after its last line."""
        for stream in STREAMS:
            for _ in range(LAST_CHUNKS):
                if not self._read(stream):
                    break

    def remove(self) -> None:
        """The pipes, not the log."""
        self.close()
        for path in self._pipes.values():
            path.unlink(missing_ok=True)

    def close(self) -> None:
        for stream in list(self._readers):
            self._close(stream)
        self.log.close()

    def _read(self, stream: str) -> bool:
        """Tell if there may be more just now."""
        if stream not in self._readers:
            return False
        try:
            chunk = os.read(self._readers[stream], CHUNK)
        except BlockingIOError:
            return False
        if chunk:
            self.log.write(stream, chunk)
        else:  # nobody holds the other end any more
            self.log.finish(stream)
            self._close(stream)
        return bool(chunk)

    def _close(self, stream: str) -> None:
        fd = self._readers.pop(stream)
        self._loop.forget(fd)
        os.close(fd)
