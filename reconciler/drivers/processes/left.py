"""What the records of a keeper that is gone tell of its processes, for who only looks.

Rules: nothing is started, written or put aside: the next keeper does that. Each process is told as that
one will find it; where some bear the folder's token that no record knows, it cannot be told.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from reconciler.drivers.processes.keeper import proc
from reconciler.drivers.processes.keeper.census import Census
from reconciler.drivers.processes.keeper.record import ENDING, EXITED, RUNNING, STOPPED, Record
from reconciler.errors import Unavailable
from reconciler.model import JsonValue


def left(folder: Path) -> list[JsonValue]:
    """As a keeper lists them."""
    try:
        return _left(folder, folder / "state")
    except OSError as failure:
        raise Unavailable(f"what runs in {folder} cannot be told: {failure.strerror}") from failure


def _left(folder: Path, state: Path) -> list[JsonValue]:
    home = state / "home"
    if not home.exists():
        return []
    census, boot, records = Census(), proc.boot_id(), list(_records(state))
    ours = {token for token in census.by_token if token.startswith(f"{home.read_text()}:")}
    if ours - {record.token for record in records}:
        raise Unavailable(
            f"what runs in {folder} cannot be told: no keeper is there, and its records are lost",
            remedy="`holdfast up` finds what runs again",
        )
    for record in records:
        _as_it_is(record, census, boot)
    return [record.facts() for record in records]


def _records(state: Path) -> list[Record]:
    found = []
    for path in sorted(state.glob("*.json")):
        with suppress(ValueError, KeyError, RecursionError):
            found.append(Record.read(path.read_text(encoding="utf-8")))
    return found


def _as_it_is(record: Record, census: Census, boot: str) -> None:
    who = census.everyone.get(record.pid)
    same = record.boot == boot and who is not None and who.start == record.start
    if who is not None and same and record.exited_at is None:
        record.state = STOPPED if who.state in proc.STOPPED else RUNNING
        return
    record.exited_at = record.exited_at or time.time()
    record.state = ENDING if census.by_token.get(record.token) else EXITED
