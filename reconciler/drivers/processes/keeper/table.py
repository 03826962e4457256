"""The table of processes, one row a service id, and who is told when a row has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import proc
from .journal import note
from .loop import Loop
from .output import Output
from .record import Record, Records, file_name
from .row import Row, Trouble
from .spawn import Care

Publish = Callable[[str, Record | None], None]


class Table:
    def __init__(self, loop: Loop, folder: Path, publish: Publish) -> None:
        self.rows: dict[str, Row] = {}
        self.children: dict[int, Row] = {}  # by pid: our own, not waited for yet
        self.records = Records(folder)
        self.home = self.records.home()
        self.boot = proc.boot_id()
        self.loop = loop
        self.publish = publish
        self._folder = folder

    def add(self, record: Record) -> Row:
        row = Row(record, Output(self.loop, self._folder, file_name(record.id)))
        row.output.log.limit(record.max_bytes, record.keep)
        self.rows[record.id] = row
        return row

    def facts(self) -> list[dict[str, object]]:
        shown = (row.shown for row in self.rows.values())
        return [record.facts() for record in shown if record]

    def tend(self, id: str, care: Care) -> None:
        row = self.rows.get(id)
        if row is None or row.held:
            raise Trouble("NOT_FOUND", f"{id} does not run")
        row.record.tend(care)
        self.save(row)
        row.output.log.limit(care.max_bytes, care.keep)
        self.publish(id, row.record)

    def forget(self, id: str, *, logs: bool) -> None:
        row = self.rows.get(id)
        if row is None:
            return
        if not row.over:
            raise Trouble("CONFLICT", f"{id} has not ended", "stop it first")
        row.output.remove()
        if logs:
            row.output.log.erase()
        del self.rows[id]
        self.records.drop(id)
        self.publish(id, None)

    def save(self, row: Row) -> None:
        """As well as may be: a full disk must keep nobody from stopping a process."""
        try:
            self.records.save(row.record)
        except OSError as failure:
            note(f"the record of {row.record.id} is not stored: {failure.strerror}")
