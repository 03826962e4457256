"""The keeper's life: leave the terminal, be the only one, adopt, listen, serve until told to end.

Rules: the program that was called returns when the keeper answers on its socket: 0, or 3 when another
keeper holds the folder, or 1 with the reason on stderr. SIGTERM ends every process first, as each
supervisor does, but what was let go of. SIGKILL leaves them to the next keeper.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
from pathlib import Path

from .adoption import Adoption
from .journal import STDERR
from .loop import Loop
from .reaping import reap
from .server import Server

READY, FAILED, HELD = 0, 1, 3
PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36
LARGEST_JOURNAL = 1 << 20


def main(folder: Path) -> int:
    _drop_inherited()
    for place in (folder, folder / "pipes", folder / "logs"):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    hears, says = os.pipe()
    if os.fork():
        os.close(says)
        word = os.read(hears, 1)
        return word[0] if word else FAILED
    os.close(hears)
    os.setsid()
    os.chdir(folder)
    return _keep(folder, says)


def _drop_inherited() -> None:
    """Files of whoever called, which would never see their end while the keeper holds them."""
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > STDERR:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(fd)


def _keep(folder: Path, says: int) -> int:
    lock = os.open("keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A child that has not become its program yet shares the lock: whoever gets it finds no such child.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(says, bytes([HELD]))
        return HELD
    _prepare()
    loop = Loop()
    server = Server(loop, folder)
    _hear_signals(loop, server)
    Adoption(server.table, server.ends).adopt_all()
    server.listen()
    _leave_terminal()
    os.write(says, bytes([READY]))
    os.close(says)
    loop.run()
    return READY


def _prepare() -> None:
    os.umask(0o077)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what loses its parent becomes our child, and is seen
    kernel.prctl(PR_SET_NAME, b"holdfast-keeper", 0, 0, 0)


def _hear_signals(loop: Loop, server: Server) -> None:
    """Each signal wakes the loop; which one it was, its handler has noted."""
    told: list[int] = []
    hears, wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def woken() -> None:
        os.read(hears, 4096)
        reap(server.table, server.starts, server.ends)
        if told:
            told.clear()
            server.shutdown()

    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGHUP, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    loop.watch(hears, woken)


def _leave_terminal() -> None:
    journal = Path("keeper.log")
    fresh = journal.exists() and journal.stat().st_size > LARGEST_JOURNAL
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT | (os.O_TRUNC if fresh else 0), 0o600)
    for fd, target in ((null, 0), (null, 1), (log, STDERR)):
        os.dup2(fd, target)
    os.close(null)
    os.close(log)
