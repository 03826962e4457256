"""What supervised processes use just now, from one look through /proc.

Rules: to a service belongs what the keeper would end with it: what is in the session of its process, and what
bears its token. A token is read once a process and kept, for the look comes back every few seconds. What a
process has waited for counts as its own, so that short-lived children are not lost. What is shared by several
processes counts for each of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from reconciler.drivers.processes.keeper import proc
from reconciler.ports.usage import Usage

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Family(NamedTuple):
    """What has to be known of a service to find all of it."""

    pid: int
    start: int  # in ticks since the boot
    token: str
    started_at: datetime
    restarts: int


class _Member(NamedTuple):
    pid: int
    state: str
    session: int
    start: int
    cpu_ticks: int  # of what it has waited for as well
    pages: int


class Look:
    """Looks again and again, and knows whom it has seen before."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[int, int], str] = {}  # by pid and start

    def look(self, families: Mapping[str, Family]) -> Mapping[str, Usage]:
        """What each uses of which anything is left. Raise OSError when nobody can tell."""
        everyone = list(_everyone())
        starts = {one.pid: one.start for one in everyone}
        by_session = {
            family.pid: service
            for service, family in families.items()
            if starts.get(family.pid, family.start) == family.start  # else the number is another's by now
        }
        by_token = {family.token: service for service, family in families.items()}
        tokens: dict[tuple[int, int], str] = {}
        members: defaultdict[str, list[_Member]] = defaultdict(list)
        for one in everyone:
            service = by_session.get(one.session)
            if service is None:
                key = (one.pid, one.start)
                token = tokens[key] = self._tokens[key] if key in self._tokens else proc.token(one.pid)
                service = by_token.get(token) if token else None
            if service is not None:
                members[service].append(one)
        self._tokens = tokens
        return {service: _usage(families[service], found) for service, found in members.items()}


def _everyone() -> Iterator[_Member]:
    """All but the kernel's own threads, which are in no session."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - a Path for each would take longer than reading it
        if name.isdecimal():
            stat = _read(f"/proc/{name}/stat")
            one = _member(int(name), stat) if stat else None
            if one is not None and one.session:
                yield one


def _member(pid: int, stat: bytes) -> _Member:
    fields = stat[stat.rindex(b")") + 2 :].split(None, 23)  # the name before may hold blanks and brackets
    ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return _Member(pid, fields[0].decode(), int(fields[3]), int(fields[19]), ticks, int(fields[21]))


def _usage(family: Family, members: list[_Member]) -> Usage:
    alive = [one for one in members if one.state not in proc.DEAD]
    disk = [_disk(one.pid) for one in alive]
    known = [one for one in disk if one is not None]
    whole = len(known) == len(disk)
    return Usage(
        family.started_at,
        family.restarts,
        cpu_s=sum(one.cpu_ticks for one in members) / TICKS_A_SECOND,
        memory_bytes=sum(one.pages for one in members) * PAGE,
        processes=len(alive),
        read_bytes=sum(read for read, _ in known) if whole else None,
        written_bytes=sum(written for _, written in known) if whole else None,
    )


def _disk(pid: int) -> tuple[int, int] | None:
    """Bytes that it has made a disk read and write; None where that is none of our business."""
    try:
        text = _read(f"/proc/{pid}/io")
    except PermissionError:
        return None
    values = dict(line.split(b": ") for line in text.splitlines())
    return int(values.get(b"read_bytes", 0)), int(values.get(b"write_bytes", 0))


def _read(path: str) -> bytes:
    """Empty when the process has just gone."""
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            return os.read(fd, 4096)
        finally:
            os.close(fd)
    except proc.GONE:
        return b""
