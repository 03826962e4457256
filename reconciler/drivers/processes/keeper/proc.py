"""What /proc says of a process: who it is, and to which family it belongs.

Rules: a pid names nobody, for it is given out again. A process is known by its pid and the tick at
which it started; its family by the token that Holdfast put into its environment, which children
inherit. A signal goes through a pidfd that was checked after it was opened, so that it reaches this
process or none. That a look fails for want of file numbers says nothing of any process: it is raised.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

TOKEN = "HOLDFAST_KEEPER_TOKEN"  # noqa: S105 - the name of a variable
DEAD = ("Z", "X", "x")
STOPPED = ("T", "t")
GONE = (FileNotFoundError, ProcessLookupError)


class Stat:
    """The fields of /proc/PID/stat that tell who it is."""

    __slots__ = ("parent", "session", "start", "state")

    def __init__(self, text: str) -> None:
        fields = text[text.rindex(")") + 2 :].split()  # the name before may hold blanks and brackets
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.start = int(fields[19])


def _read(path: str) -> bytes:
    """A file of /proc, several times as fast as by way of `Path`: thousands are read for one question."""
    fd = os.open(path, os.O_RDONLY)
    try:
        chunks = []
        while chunk := os.read(fd, 1 << 17):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def stat(pid: int) -> Stat | None:
    """None: there is no such process."""
    try:
        return Stat(_read(f"/proc/{pid}/stat").decode("utf-8", "replace"))
    except GONE:
        return None


def token(pid: int) -> str:
    """What Holdfast put into its environment; empty when there is none, or it may not be read."""
    try:
        environ = _read(f"/proc/{pid}/environ")
    except (*GONE, PermissionError):
        return ""
    mark = TOKEN.encode() + b"="
    found = next((line for line in environ.split(b"\0") if line.startswith(mark)), b"")
    return found[len(mark) :].decode("utf-8", "replace")


def everyone() -> dict[int, Stat]:
    """All that live just now."""
    found = (
        (int(entry.name), stat(int(entry.name)))
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal()
    )
    return {pid: who for pid, who in found if who is not None and who.state not in DEAD}


def handle(pid: int, start: int) -> int | None:
    """A pidfd of exactly this process; None when it is gone or the pid belongs to another by now."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    who = stat(pid)
    if who is not None and who.start == start and who.state not in DEAD:
        return fd
    os.close(fd)
    return None


def send(pidfd: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass  # it is gone, which is what most signals are for
    except PermissionError:
        pass  # it has become another user's; that it lives on is seen, and said, by whoever waits for its end


def children(parent: int) -> set[int]:
    """Of a single-threaded process; those that came to it when their own parent died included."""
    try:
        return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()}
    except FileNotFoundError:  # a kernel without that file
        return {pid for pid, who in everyone().items() if who.parent == parent}
