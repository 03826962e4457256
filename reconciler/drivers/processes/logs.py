"""Reads what the keeper wrote of a process's output, while it writes on.

Rules: a file is left only when the next one exists and nothing more comes from this one, so a reader
that follows loses no line to rotation, unless it is so slow that the file is gone. Who does not follow reads
what is there when he comes, however much is written meanwhile. Parts of a line are
put together again, each stream by itself; a line without end is cut.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from reconciler.drivers.processes.keeper.log import numbered
from reconciler.ports.log_line import LogLine

CHUNK = 1 << 18
LONGEST_LINE = 1 << 20
LOOK_S = 0.1
SPARE = 16  # records before the wanted ones: the beginnings of lines that end among them
RECORD = re.compile(rb"([0-9TZ:.-]+) (stdout|stderr) ([FP]) (.*)", re.DOTALL)
WHOLE = re.compile(rb"\S+ \S+ F ")

Place = tuple[int, int]
"""The number of a file, and how far into it."""


async def read_log(
    folder: Path, *, tail: int | None, follow: bool, since: datetime | None
) -> AsyncIterator[LogLine]:
    files, lines = _Files(folder), _Lines(since)
    try:
        if tail is not None:
            await asyncio.to_thread(files.seek_tail, tail + SPARE)
        last: deque[LogLine] = deque(maxlen=tail)
        end = await asyncio.to_thread(files.end)
        while records := await asyncio.to_thread(files.read, end):
            last.extend(lines.of(records))
            while tail is None and last:
                yield last.popleft()
        if not follow:
            last.extend(lines.unfinished())
        while last:
            yield last.popleft()
        while follow:
            records = await asyncio.to_thread(files.read)
            for line in lines.of(records):
                yield line
            if not records:
                await asyncio.sleep(LOOK_S)
    finally:
        files.close()


class _Files:
    """The numbered files of one log as one stream of records."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._file: BinaryIO | None = None
        self._rest = b""

    def seek_tail(self, wanted: int) -> None:
        for number in reversed(numbered(self._folder)):
            try:
                data = self._path(number).read_bytes()
            except FileNotFoundError:  # rotated away just now, and so are all before it
                return
            place, found = _back(data, wanted)
            wanted -= found
            self._open(number, place)
            if wanted <= 0:
                return

    def end(self) -> Place:
        """As far as it is written just now."""
        newest = max(numbered(self._folder), default=0)
        try:
            return newest, self._path(newest).stat().st_size
        except FileNotFoundError:
            return newest, 0

    def read(self, end: Place | None = None) -> list[bytes]:
        """The next whole records, those that begin before `end`; none when there are no more just now."""
        while True:
            if end is not None and (self._number, self._file.tell() if self._file else 0) >= end:
                return []
            chunk = self._file.read(CHUNK) if self._file else b""
            if not chunk:
                later = self._later()
                if not later:
                    return []
                chunk = self._file.read(CHUNK) if self._file else b""  # written before the later one was made
                if not chunk:
                    self._open(later[0], 0)
                    continue
            records = (self._rest + chunk).split(b"\n")
            self._rest = records.pop()
            if records:
                return records

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _later(self) -> list[int]:
        numbers = numbered(self._folder)
        if numbers and numbers[-1] < self._number:  # it was erased, and has begun anew
            return numbers
        return [number for number in numbers if number > self._number]

    def _open(self, number: int, place: int) -> None:
        self.close()
        self._number = number
        self._rest = b""
        self._file = None
        with suppress(FileNotFoundError):  # rotated away just now
            self._file = self._path(number).open("rb")
            self._file.seek(place)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"


def _back(data: bytes, wanted: int) -> tuple[int, int]:
    """Where the last `wanted` lines begin, and how many there are."""
    found, place = 0, len(data)
    while place > 0:
        start = data.rfind(b"\n", 0, place - 1) + 1
        if WHOLE.match(data, start):
            if found == wanted:
                break
            found += 1
        place = start
    return place, found


class _Lines:
    """Puts the parts of lines together."""

    def __init__(self, since: datetime | None) -> None:
        self._since = since
        self._parts: dict[
            str, tuple[datetime, bytes]
        ] = {}  # stream -> when the line began, and what came of it

    def of(self, records: list[bytes]) -> list[LogLine]:
        found = (self._take(record) for record in records)
        return [line for line in found if line and (self._since is None or line.at >= self._since)]

    def unfinished(self) -> list[LogLine]:
        lines = [_line(at, stream, text) for stream, (at, text) in self._parts.items()]
        return sorted(lines, key=lambda line: line.at)

    def _take(self, record: bytes) -> LogLine | None:
        match = RECORD.fullmatch(record)
        try:
            now = datetime.fromisoformat(match[1].decode()) if match else None
        except ValueError:
            now = None
        if match is None or now is None:  # torn, when the keeper was killed or the disk was full
            return None
        stream, flag = match[2].decode(), match[3]
        at, begun = self._parts.pop(stream, (now, b""))
        text = begun + match[4]
        if flag == b"P" and len(text) < LONGEST_LINE:
            self._parts[stream] = (at, text)
            return None
        return _line(at, stream, text)


def _line(at: datetime, stream: str, text: bytes) -> LogLine:
    return LogLine(at, stream, text.decode("utf-8", "replace"))
