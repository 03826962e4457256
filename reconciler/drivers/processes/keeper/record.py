"""What the keeper knows of each process, one small file each, so that the next keeper knows it too.

Rules: a file is replaced whole, never edited, so a kill at any moment leaves the old one or the new
one. It is not forced to the disk: what it describes does not survive a power cut either. A record
never holds the environment or the command. One that cannot be read is put aside and named.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from .journal import note
from .spawn import Care, Run

RUNNING = "running"
STOPPED = "stopped"  # by SIGSTOP: it is there and does nothing
ENDING = "ending"  # it, or what it left behind, was told to end and is not gone yet
EXITED = "exited"

RELEASED = "holdfast.dev/released"  # a label: nobody's any more, and not ended with the others

HOME = re.compile(rb"[0-9a-f]{16}")


class Record:
    """One process and what became of it; its fields are what is stored, and what clients are shown."""

    __slots__ = (
        "asked",
        "boot",
        "exit_code",
        "exited_at",
        "grace_s",
        "id",
        "keep",
        "labels",
        "max_bytes",
        "pid",
        "restarts",
        "signal",
        "start",
        "started_at",
        "state",
        "stop_signal",
        "token",
    )

    def __init__(self, id: str, token: str, boot: str) -> None:
        self.id = id
        self.token = token
        self.boot = boot
        self.pid = 0
        self.start = 0  # in ticks since the boot
        self.started_at = 0.0
        self.state = RUNNING
        self.asked = False  # to end; an end that nobody asked for is a failure, whatever its exit code
        self.exit_code: int | None = None
        self.signal: int | None = None  # neither is known when no keeper was there to see the end
        self.exited_at: float | None = None
        self.restarts = 0
        self.tend(Care())

    def take(self, run: Run, before: Record | None) -> None:
        """Begin as `run` says; a restart if what was before ended unasked, and not by a reboot."""
        self.started_at = time.time()
        self.tend(run.care)
        if before and not before.asked and before.boot == self.boot:
            self.restarts = before.restarts + 1

    def tend(self, care: Care) -> None:
        self.labels = care.labels
        self.stop_signal, self.grace_s = care.stop_signal, care.grace_s
        self.max_bytes, self.keep = care.max_bytes, care.keep

    @property
    def released(self) -> bool:
        return RELEASED in self.labels

    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, text: str) -> Record:
        """Raise ValueError when the text is no record."""
        facts = json.loads(text)
        if not isinstance(facts, dict):
            raise ValueError("not an object")
        record = cls(str(facts["id"]), str(facts["token"]), str(facts["boot"]))
        for name in cls.__slots__:
            known = getattr(record, name)
            if known is not None and type(facts[name]) is not type(known):
                raise ValueError(f"{name} is no {type(known).__name__}")
            setattr(record, name, facts[name])
        if record.pid <= 0:  # which the kernel would take for a whole group of processes
            raise ValueError("pid is none")
        for name in ("exit_code", "signal", "exited_at"):
            if type(facts[name]) not in (int, float, type(None)):
                raise ValueError(f"{name} is no number")
        return record


class Records:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "state"
        self._folder.mkdir(exist_ok=True)

    def home(self) -> str:
        """The name of this data folder, made once: it tells our tokens from those of another node."""
        path = self._folder / "home"
        known = path.read_bytes() if path.exists() else b""
        if not HOME.fullmatch(known):  # a power cut may have emptied it, and nothing survived that
            self._replace(path, os.urandom(8).hex())
        return path.read_text(encoding="ascii")

    def load(self) -> list[Record]:
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(Record.read(path.read_text(encoding="utf-8")))
            except (ValueError, KeyError, RecursionError) as wrong:
                path.replace(path.with_suffix(".broken"))
                note(f"{path}: no record ({wrong}); put aside as .broken")
        return found

    def save(self, record: Record) -> None:
        self._replace(self._path(record.id), json.dumps(record.facts()))

    def drop(self, id: str) -> None:
        self._path(id).unlink(missing_ok=True)

    def _path(self, id: str) -> Path:
        return self._folder / f"{file_name(id)}.json"

    def _replace(self, path: Path, text: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)


def file_name(id: str) -> str:
    """The name of a service among files, where a slash, alone of all letters of an id, may not stand."""
    return id.replace("/", "~")
