"""What a new keeper does first: it looks for what an earlier one started, and supervises it again.

Rules: a record whose pid and start time are still one living process is adopted. One whose process is
gone gets an end without an exit code, and what it left behind is ended. What bears a token of this
data folder that no record knows (the record was lost) is adopted under the id in its token. Adopted
processes are not our children: their end is seen by pidfd, and that one is stopped by looking.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial

from . import proc
from .census import Census
from .ends import Ends
from .journal import note
from .record import ENDING, EXITED, RUNNING, Record
from .row import Row
from .table import Table

LOOK_S = 0.5


class Adoption:
    def __init__(self, table: Table, ends: Ends) -> None:
        self._table = table
        self._ends = ends

    def adopt_all(self) -> None:
        table, census = self._table, Census()
        for record in table.records.load():
            row = table.add(record)
            row.watched = record.exited_at is None and self._adopt(row)
            if record.state == EXITED:
                if census.by_token.get(record.token):
                    record.state = ENDING
                    self._ends.gone(row)
            elif not row.watched:
                row.output.resume()
                self._ends.gone(row)
        known = {row.record.token for row in table.rows.values()}
        for token in census.by_token.keys() - known:
            home, _, rest = token.partition(":")
            if home == table.home:
                self._adopt_lost(census, token, rest.rpartition(":")[0])
        self._look()

    def _adopt(self, row: Row) -> bool:
        record = row.record
        pidfd = proc.handle(record.pid, record.start) if record.boot == self._table.boot else None
        if pidfd is None:
            return False
        row.pidfd = pidfd
        record.state = RUNNING
        row.output.resume()
        self._table.loop.watch(pidfd, partial(self._gone, row))
        return True

    def _adopt_lost(self, census: Census, token: str, id: str) -> None:
        members = sorted(census.by_token[token], key=lambda pid: census.everyone[pid].start)
        leader = next((pid for pid in members if census.everyone[pid].session == pid), None)
        row = self._table.rows.get(id)
        if leader is not None and id and (row is None or row.over):
            record = Record(id, token, self._table.boot)
            record.pid, record.start = leader, census.everyone[leader].start
            record.started_at = time.time()
            adopted = self._table.add(record)
            self._adopt(adopted)
            self._table.save(adopted)
            note(f"{id}: found process {leader} without its record; adopted")
            return
        for pid in members:
            pidfd = proc.handle(pid, census.everyone[pid].start)
            if pidfd is not None:
                proc.send(pidfd, signal.SIGKILL)
                os.close(pidfd)
                note(f"{id}: process {pid} was left behind without its record; killed")

    def _gone(self, row: Row) -> None:
        self._table.loop.forget(row.pidfd)
        self._ends.gone(row)

    def _look(self) -> None:
        """Is one of the adopted stopped by now, or does it go on?"""
        adopted = [row for row in self._table.rows.values() if row.pidfd >= 0 and row.leads]
        for row in adopted:
            with contextlib.suppress(OSError):  # no file numbers left: another time
                who = proc.stat(row.record.pid)
                if who is not None and who.state not in proc.DEAD:
                    self._ends.note_stopped(row, who.state in proc.STOPPED)
        if adopted:
            self._table.loop.later(LOOK_S, self._look)
