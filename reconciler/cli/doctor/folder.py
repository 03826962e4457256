"""The data folder: who may look into it, whether there is room, and whether what lies there is whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.cli.doctor.finding import Finding, failed, ok, warning
from reconciler.errors import Problem
from reconciler.settings import Settings, load

LITTLE_BYTES = 1 << 30
LEAST_BYTES = 100 << 20
LEAST_FILES = 1000
SECRET = ("keystore", "processes", "inbox", "holdfast.db", "holdfast.db-wal", "holdfast.sock", "lock")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
AHEAD = timedelta(minutes=1)


def settings(data: Path) -> tuple[Settings | None, Finding]:
    try:
        found = load(str(data))
    except Problem as problem:
        return None, failed("settings", problem.message, problem.remedy)
    except OSError as error:
        return None, failed("settings", f"cannot be read: {error}", "name another folder with --data")
    file = data / "holdfast.toml"
    if file.exists() and file.stat().st_mode & OTHERS_WRITE:
        return found, failed("settings", f"{file} may be written by others", f"chmod go-w {file}")
    return found, ok("settings", str(file) if file.exists() else "the defaults, and the environment's")


def folder(data: Path) -> Iterator[Finding]:
    if not data.exists():
        yield ok("folder", f"{data} is not there yet: the first node makes it")
        yield from _room(next(one for one in data.parents if one.exists()))
        return
    if not data.is_dir():
        yield failed("folder", f"{data} is no folder", "move it away, or name another place with --data")
        return
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        yield failed("folder", f"this user may not write to {data}", "run Holdfast as the user who owns it")
        return
    yield ok("folder", str(data))
    yield permissions(data)
    yield from _room(data)


def permissions(data: Path) -> Finding:
    """Nobody else may look in, and all of it belongs to one user."""
    owner = data.stat().st_uid
    open_to_others, foreign = [], []
    for path in (data, *(data / name for name in SECRET)):
        with suppress(FileNotFoundError):
            found = path.lstat()
            if found.st_mode & (OTHERS_WRITE if path == data else OTHERS) and not _is_covered(path, data):
                open_to_others.append(str(path))
            if found.st_uid != owner:
                foreign.append(str(path))
    if foreign:
        return failed(
            "permissions",
            f"not all of it belongs to the folder's owner: {', '.join(foreign)}",
            f"chown -R --reference={data} {data}; a command that was run with sudo may have made them",
        )
    if open_to_others:
        told = " ".join(open_to_others)
        return failed(
            "permissions", f"others may look into: {', '.join(open_to_others)}", f"chmod go-rwx {told}"
        )
    return ok("permissions", "the owner's alone")


def _is_covered(path: Path, data: Path) -> bool:
    """A folder that nobody else may enter covers what lies in it."""
    return path != data and not data.stat().st_mode & OTHERS


def _room(place: Path) -> Iterator[Finding]:
    found = os.statvfs(place)
    yield room(place, found.f_bavail * found.f_frsize, found.f_favail if found.f_files else LEAST_FILES)


def room(place: Path, left_bytes: int, left_files: int) -> Finding:
    told = f"{left_bytes / 2**30:.1f} GiB left at {place}"
    remedy = f"make room: `du -xh --max-depth 2 {place}` shows what takes it"
    if left_bytes < LEAST_BYTES:
        return failed("disk", told, remedy)
    if left_files < LEAST_FILES:
        return failed("disk", f"only {left_files} more files fit at {place}", remedy)
    return warning("disk", told, remedy) if left_bytes < LITTLE_BYTES else ok("disk", told)


def store(path: Path, *, living: bool) -> Iterator[Finding]:
    """Whether it is whole, and whether the clock has gone on since it was written."""
    from reconciler.store.examining import examine

    if not path.exists():
        yield ok("store", "there is none yet")
        return
    try:
        found = examine(path, living=living)
    except Problem as problem:
        yield failed("store", problem.message, problem.remedy)
        return
    if found.faults:
        yield failed(
            "store",
            f"{path} is damaged: {'; '.join(found.faults[:3])}"
            + (f"; and {len(found.faults) - 3} more" if len(found.faults) > 3 else ""),  # noqa: PLR2004
            "stop the node and start it again: it keeps the file aside and builds its state anew",
        )
    else:
        yield ok("store", f"{found.rows} rows, all as they were written")
    yield time(found.newest, datetime.now(UTC))


def time(newest: datetime | None, now: datetime) -> Finding:
    if newest is not None and newest - now > AHEAD:
        return failed(
            "time",
            f"the clock says {now:%Y-%m-%d %H:%M}, and the store was written at {newest:%Y-%m-%d %H:%M}",
            "set the clock right; what was written meanwhile bears the wrong time",
        )
    return ok("time", f"{now:%Y-%m-%d %H:%M:%S} UTC")
