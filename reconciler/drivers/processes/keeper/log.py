"""The log files of one service, of bounded size, in which no line is lost to rotation.

Rules: one record a line in the format that Kubernetes uses (time, stream, P for a part of a line or F
for its end, text), so that log shippers can read it. Nothing is held back: what comes without a line's
end is written as a part. Files are numbered upwards and only the newest is written to: a reader that
has come to the end of one and sees the next has seen all of it. A full disk costs lines, which are
counted, and never the process.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

NUMBER = re.compile("[0-9]{8,18}")


class Log:
    """DIR/00000001.log and so on, of which the newest `keep` stay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._max_bytes = 10 << 20
        self._keep = 5
        self._file = -1
        self._number = 1
        self._size = 0
        self._lost = 0
        self._unfinished: set[str] = set()

    def limit(self, max_bytes: int, keep: int) -> None:
        self._max_bytes = max_bytes
        self._keep = keep

    def write(self, stream: str, chunk: bytes) -> None:
        lines = chunk.split(b"\n")
        rest = lines.pop()
        stamp = _stamp() + stream.encode()
        records = [b"%s F %s\n" % (stamp, line) for line in lines]
        if rest:
            records.append(b"%s P %s\n" % (stamp, rest))
            self._unfinished.add(stream)
        elif lines:
            self._unfinished.discard(stream)
        try:
            self._append(records)
        except OSError:
            self._lost += len(chunk)
            self.close()

    def finish(self, stream: str) -> None:
        """End the line that the process did not, or it would run into the next process's first."""
        if stream in self._unfinished:
            self.write(stream, b"\n")

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def erase(self) -> None:
        self.close()
        for number in numbered(self._folder):
            self._path(number).unlink(missing_ok=True)
        with contextlib.suppress(
            OSError
        ):  # it was never made, or somebody has put something of his own in it
            self._folder.rmdir()

    def _append(self, records: list[bytes]) -> None:
        if self._file < 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open(max(numbered(self._folder), default=1))
        if self._lost:
            note = b"[holdfast] %d bytes of output are lost here: they could not be written" % self._lost
            self._put([b"%sstderr F %s\n" % (_stamp(), note)])
            self._lost = 0
        batch: list[bytes] = []
        room = self._max_bytes - self._size
        for record in records:
            if room <= 0:
                self._put(batch)
                self._rotate()
                batch, room = [], self._max_bytes
            batch.append(record)
            room -= len(record)
        self._put(batch)

    def _put(self, batch: list[bytes]) -> None:
        data = b"".join(batch)
        written = os.write(self._file, data)
        self._size += written
        if written < len(data):
            raise OSError("the disk is full")

    def _rotate(self) -> None:
        self.close()
        self._open(self._number + 1)
        for number in numbered(self._folder):
            if number <= self._number - self._keep:
                self._path(number).unlink(missing_ok=True)

    def _open(self, number: int) -> None:
        self._number = number
        self._file = os.open(self._path(number), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._put([b"\n"])  # a line was torn when its writer was killed, or the disk was full

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"


def numbered(folder: Path) -> list[int]:
    """The numbers of a log's files, the oldest first; what is called otherwise is not ours."""
    return sorted(int(path.stem) for path in folder.glob("*.log") if NUMBER.fullmatch(path.stem))


def _stamp() -> bytes:
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + b".%09dZ " % nanos
