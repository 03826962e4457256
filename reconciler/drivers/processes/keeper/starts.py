"""Starting a process, once, however often it is asked for.

Rules: the record is stored before the program runs. A start that fails leaves all as it was before.
A process that is just ending is waited for, so that there are never two of one id.
"""

from __future__ import annotations

import os
from functools import partial

from . import proc, spawn
from .record import ENDING, Record
from .row import Answer, Row, Trouble
from .table import Table


class Starts:
    def __init__(self, table: Table) -> None:
        self.closed = False
        self._table = table

    def start(self, run: spawn.Run, answer: Answer) -> None:
        """Answer with the process when its program runs; with the one that runs already, if any."""
        row = self._table.rows.get(run.id)
        if self.closed:
            answer(Trouble("SERVICE_UNAVAILABLE", "the keeper is shutting down"))
        elif row is None or row.over:
            self._launch(run, row, answer)
        elif row.record.state == ENDING:
            row.on_end.append(partial(self.start, run, answer))
        elif row.held:
            row.on_start.append(answer)
        else:
            answer(row.record.facts())

    def reported(self, row: Row) -> None:
        """If a start is under way: the child runs its program now, or says why it cannot."""
        if row.held is None:
            return
        words, _, remedy = os.read(row.held.report, 8192).decode(errors="replace").rpartition("\n")
        self._table.loop.forget(row.held.report)
        os.close(row.held.report)
        row.held = None
        waiting, row.on_start = row.on_start, []
        trouble = Trouble("FAILED", f"cannot start {row.record.id}: {words}", remedy) if words else None
        if trouble:
            del self._table.children[row.record.pid]
            self._undo(row)
        else:
            row.before = None
            self._table.publish(row.record.id, row.record)
        for answer in waiting:
            answer(trouble or row.record.facts())

    def _launch(self, run: spawn.Run, before: Row | None, answer: Answer) -> None:
        table = self._table
        record = Record(run.id, f"{table.home}:{run.id}:{os.urandom(8).hex()}", table.boot)
        record.take(run, before.record if before else None)
        row = table.add(record)
        if before:
            before.output.close()
            row.before = before.record
        try:
            row.held = self._hold(run, row)
        except OSError as failure:
            self._undo(row)
            answer(Trouble("FAILED", f"cannot start {run.id}: {failure.strerror}"))
            return
        row.on_start.append(answer)
        table.children[record.pid] = row
        row.held.release()
        table.loop.watch(row.held.report, partial(self.reported, row))

    def _hold(self, run: spawn.Run, row: Row) -> spawn.Held:
        ends = row.output.ends()
        try:
            held = spawn.hold(run, row.record.token, ends)
        finally:
            for fd in ends:
                os.close(fd)
        try:
            who = proc.stat(held.pid)  # at worst a zombie: nobody else can wait for it
            row.record.pid, row.record.start = held.pid, who.start if who else 0
            self._table.records.save(row.record)
        except OSError:
            held.give_up()
            raise
        return held

    def _undo(self, row: Row) -> None:
        """Nothing was started: be as before."""
        if row.before:
            row.record, row.before = row.before, None
            self._table.save(row)
        else:
            row.output.close()
            del self._table.rows[row.record.id]
            self._table.records.drop(row.record.id)
        row.tell_end()
