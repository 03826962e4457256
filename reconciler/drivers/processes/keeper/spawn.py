"""A new process that waits at a gate until its record is written, and only then becomes the program.

Rules: the child is forked, waits, and is let go by one byte; when the keeper dies before it has
written the record, the child reads the end of the pipe and ends itself. So there is no moment at which
a program runs that no record knows. Between fork and exec nothing is trusted: each failure is told to
the parent in words, without the environment, and the child ends.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import resource
import signal
from collections.abc import Sequence
from typing import NoReturn

from .proc import TOKEN

FILES = resource.getrlimit(resource.RLIMIT_NOFILE)  # as it was before the keeper raised its own
UMASK = 0o022
KEPT_OUT = (
    "user '{}' may not enter it or a folder above it, as the node's data folder, where a repository's files "
    "lie: let the service run as the node's user, or write an absolute path to where that user may enter"
)
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Care:
    """How a process is looked after, as the client sent it."""

    __slots__ = ("grace_s", "keep", "labels", "max_bytes", "stop_signal")

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.stop_signal = 15
        self.grace_s = 10.0
        self.max_bytes = 10 << 20
        self.keep = 5


class Run:
    """What is to be started, as the client sent it."""

    __slots__ = ("argv", "care", "cwd", "env", "id", "user")

    def __init__(self, id: str, argv: list[str], care: Care) -> None:
        self.id = id
        self.argv = argv
        self.care = care
        self.env: dict[str, str] = {}
        self.cwd = "/"
        self.user = ""


class Held:
    """A child at the gate: release it, or let it go and it never runs."""

    __slots__ = ("_gate", "pid", "report")

    def __init__(self, pid: int, gate: int, report: int) -> None:
        self.pid = pid
        self.report = report  # reads as empty when the program runs, and as words when it could not
        self._gate = gate

    def release(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed from outside; its end is seen as any other
            os.write(self._gate, b"g")
        os.close(self._gate)

    def give_up(self) -> None:
        os.close(self._gate)
        os.close(self.report)


def hold(run: Run, token: str, ends: Sequence[int]) -> Held:
    waits, gate = os.pipe()
    try:
        report, says = os.pipe()
    except OSError:
        os.close(waits)
        os.close(gate)
        raise
    # A signal that comes before the child has dropped our handlers must wait, or it would be swallowed.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        pid = os.fork()
        if pid == 0:
            os.close(gate)  # or its own copy would keep it waiting for ever
            _become(run, token, ends, (waits, says))
    except OSError:
        os.close(gate)
        os.close(report)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(waits)
        os.close(says)
    return Held(pid, gate, report)


def _become(run: Run, token: str, ends: Sequence[int], pipes: tuple[int, int]) -> NoReturn:
    waits, says = pipes
    doing = "start"
    try:
        _plain()
        os.setsid()
        if not os.read(waits, 1):
            os._exit(0)
        doing = "open /dev/null"
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(ends[0], 1)
        os.dup2(ends[1], 2)
        if run.user:
            doing = f"become user '{run.user}'"
            _become_user(run.user)
        doing = f"enter '{run.cwd}'"
        os.chdir(run.cwd)
        doing = f"run '{run.argv[0]}'"
        os.execvpe(run.argv[0], run.argv, {**run.env, TOKEN: token})  # noqa: S606 - no shell is what is wanted
    except BaseException as failure:  # noqa: BLE001 - a child that raises would go on as a second keeper
        reason = failure.strerror if isinstance(failure, OSError) else str(failure)
        kept_out = run.user and isinstance(failure, PermissionError)
        remedy = KEPT_OUT.format(run.user) if kept_out else ""
        os.write(says, f"cannot {doing}: {reason}"[:1000].encode(errors="replace") + f"\n{remedy}".encode())
    finally:
        os._exit(127)


def _plain() -> None:
    """What every program may expect: no signal ignored or blocked, the usual limits and file mode."""
    signal.set_wakeup_fd(-1)
    for number in (*HANDLED, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_NOFILE, FILES)
    os.umask(UMASK)


def _become_user(name: str) -> None:
    """`user`, `user:group`, or their numbers."""
    user, _, group = name.partition(":")
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        gid = entry.pw_gid
        if group:
            gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError as unknown:
        raise LookupError("there is no such user or group") from unknown
    if entry.pw_uid == os.geteuid() and gid == os.getegid():
        return
    for fd in (1, 2):
        os.fchown(fd, entry.pw_uid, gid)  # or it could not open /dev/stdout
    os.initgroups(entry.pw_name, gid)
    os.setgid(gid)
    os.setuid(entry.pw_uid)
