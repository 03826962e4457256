"""The machine: what a node needs of it before anything of its own.

Rules: looks, and changes nothing; what only some manifests need is a warning, and says which.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.cli.doctor.finding import Finding, failed, ok, warning

OLDEST_SQLITE = (3, 38, 0)  # STRICT tables, and JSON without being built for it
PROGRAMS = {
    "ssh": "git repositories over SSH cannot be followed",
    "git": "what `holdfast` advises for repositories cannot be done here; the node itself does without",
}
FEWEST_FILES = 1024
FEWEST_WATCHES = 8192
WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
DOCKER = "/var/run/docker.sock"
UNSYNCHRONISED = 0x40  # STA_UNSYNC, in timex.h
TIMEX_BYTES = 256  # struct timex has 208
STATUS_AT = 40  # the offset of `status` in it, on 64 bits


def machine() -> Iterator[Finding]:
    yield ok("python", f"{platform.python_version()} at {sys.executable}")
    yield sqlite(sqlite3.sqlite_version_info)
    for program, consequence in PROGRAMS.items():
        yield _program(program, consequence)
    yield containers(os.environ.get("DOCKER_HOST", ""), DOCKER)
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    yield watches(WATCHES)
    yield _clock()


def sqlite(version: tuple[int, ...]) -> Finding:
    told = ".".join(str(part) for part in version)
    if version < OLDEST_SQLITE:
        oldest = ".".join(str(part) for part in OLDEST_SQLITE)
        return failed(
            "sqlite",
            f"{told} is too old",
            f"use a Python whose SQLite is {oldest} or later: Debian 12 has one",
        )
    return ok("sqlite", told)


def _program(name: str, consequence: str) -> Finding:
    found = shutil.which(name)
    if found is None:
        return warning(name, f"there is no {name}: {consequence}", f"install it, as in `apt install {name}`")
    return ok(name, found)


def containers(host: str, path: str) -> Finding:
    """Whether a container engine answers at its socket."""
    if host and not host.startswith("unix://"):
        return ok("containers", f"DOCKER_HOST names {host}, which was not asked")
    place = host.removeprefix("unix://") or path
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(place)
        except OSError as error:
            return warning(
                "containers",
                f"no container engine answers at {place} ({error.strerror or error}): services with an image "
                "cannot run here",
                "install Docker, or add this user to its group; without such services nothing is missing",
            )
    return ok("containers", f"an engine listens at {place}")


def open_files(most: int) -> Finding:
    if 0 <= most < FEWEST_FILES:
        return warning(
            "open files",
            f"a process may have {most} files open",
            "raise it: `ulimit -Hn`, or LimitNOFILE= in the unit",
        )
    return ok("open files", "no limit" if most < 0 else f"up to {most}")


def watches(path: Path) -> Finding:
    try:
        most = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ok("watches", "this kernel does not say how many; folders are looked at in turns anyway")
    if most < FEWEST_WATCHES:
        return warning(
            "watches",
            f"only {most} folders may be watched: what is beyond is noticed at the next look only",
            f"sysctl fs.inotify.max_user_watches={FEWEST_WATCHES * 16}",
        )
    return ok("watches", f"up to {most}")


def _clock() -> Finding:
    asked = ctypes.create_string_buffer(TIMEX_BYTES)  # modes = 0: to look is all that is asked
    if ctypes.CDLL(None).adjtimex(asked) < 0:
        return ok("clock", "this kernel does not say whether it is synchronised")
    return clock(int.from_bytes(asked.raw[STATUS_AT : STATUS_AT + 4], sys.byteorder))


def clock(status: int) -> Finding:
    if status & UNSYNCHRONISED:
        return warning(
            "clock",
            "nothing keeps it synchronised: schedules, expiries and signatures go by it",
            "`timedatectl set-ntp true`, or install chrony",
        )
    return ok("clock", "synchronised")
