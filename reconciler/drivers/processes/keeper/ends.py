"""Ending processes, with all that they leave behind.

Rules: a process counts as ended only when its family is gone too; until then it is `ending`. A signal
reaches only what is ours: an own child that was not waited for yet, whose pid nobody else can have, or
a process whose pid and start time were checked.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial

from . import proc
from .census import Census
from .journal import note
from .record import ENDING, EXITED, RUNNING, STOPPED
from .row import Row, Trouble
from .table import Table

BREATH_S = 1.0


class Ends:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._gone: list[Row] = []

    def stop(self, id: str, number: int, grace_s: float, done: Callable[[], None]) -> None:
        """Tell it to end, kill what is left after the grace; done when all of it is gone."""
        row = self._table.rows.get(id)
        if row is None or row.over:
            done()
            return
        row.on_end.append(done)
        if not row.record.asked:
            row.record.asked = True
            self._table.save(row)
        if row.leads and row.told != number:
            row.told = number
            self._send(row, number)
            self._send(row, signal.SIGCONT)  # one that was stopped could not even end
        self._set_deadline(row, grace_s)
        self._show_ending(row)

    def signal(self, id: str, number: int) -> None:
        """To the process; SIGCONT to all of its group, for that is how it may have been stopped."""
        row = self._table.rows.get(id)
        if row is None or row.held or not row.leads:
            raise Trouble("NOT_FOUND", f"{id} does not run")
        if number == signal.SIGCONT:
            self._send_all(row, number)
        else:
            self._send(row, number)

    def stop_all(self, done: Callable[[], None]) -> None:
        """End everything but what was let go of, each with its own signal and grace."""
        living = [row.record for row in self._table.rows.values() if not row.over]
        left = [record for record in living if not record.released]
        waiting = {record.id for record in left}

        def one_less(id: str) -> None:
            waiting.discard(id)
            if not waiting:
                done()

        for record in left:
            self.stop(record.id, record.stop_signal, record.grace_s, partial(one_less, record.id))
        if not left:
            done()

    def note_stopped(self, row: Row, stopped: bool) -> None:
        state = STOPPED if stopped else RUNNING
        if row.record.state not in (ENDING, state):
            row.record.state = state
            self._table.publish(row.record.id, row.shown)

    def gone(self, row: Row) -> None:
        """The process itself is gone, or the last that was known of what it left behind."""
        if not self._gone:
            self._table.loop.later(0, self._settle)  # in this very turn, and with all others of it
        self._gone.append(row)

    def _settle(self) -> None:
        """End what is left of their families; they are over when there is nothing."""
        gone, self._gone = self._gone, []
        try:
            self._look_for_families([row for row in gone if not row.over])
        except OSError as failure:  # no file numbers left: nothing may be concluded from that
            note(f"cannot look at the processes: {failure.strerror}; looking again")
            for row in gone:
                self._table.loop.later(BREATH_S, partial(self.gone, row))

    def _look_for_families(self, gone: list[Row]) -> None:
        census: Census | None = None
        strays = proc.children(os.getpid()) - self._table.children.keys()
        for row in gone:
            row.record.exited_at = row.record.exited_at or time.time()
            if strays or row.pidfd >= 0 or not row.watched or _group_lives(row.record.pid):
                census = census or Census()
                self._end_family(row, census.family(row.record, by_session=row.watched))
            if not row.family:
                self._over(row)

    def _end_family(self, row: Row, members: dict[int, int]) -> None:
        for pid, start in members.items():
            pidfd = None if pid in row.family else proc.handle(pid, start)
            if pidfd is None:
                continue
            row.family[pid] = pidfd
            self._table.loop.watch(pidfd, partial(self._member_gone, row, pid))
            for number in (signal.SIGKILL,) if row.killing else (signal.SIGTERM, signal.SIGCONT):
                proc.send(pidfd, number)
        if row.family:
            self._table.save(row)
            self._set_deadline(row, row.record.grace_s)
            self._show_ending(row)

    def _member_gone(self, row: Row, pid: int) -> None:
        self._close(row.family.pop(pid))
        if not row.family:
            self.gone(row)

    def _over(self, row: Row) -> None:
        if row.deadline:
            row.deadline.cancel()
        if row.pidfd >= 0:
            self._close(row.pidfd)
            row.pidfd = -1
        row.output.drain()
        row.record.state = EXITED
        self._table.save(row)
        self._table.publish(row.record.id, row.record)
        row.tell_end()

    def _show_ending(self, row: Row) -> None:
        if row.record.state != ENDING:
            row.record.state = ENDING
            if not row.held:
                self._table.publish(row.record.id, row.record)

    def _set_deadline(self, row: Row, grace_s: float) -> None:
        """The shortest grace that anybody gave counts."""
        if row.killing or (row.deadline and row.deadline.due <= time.monotonic() + grace_s):
            return
        if row.deadline:
            row.deadline.cancel()
        row.deadline = self._table.loop.later(grace_s, partial(self._kill, row))

    def _kill(self, row: Row) -> None:
        row.killing = True
        if row.leads:
            self._send_all(row, signal.SIGKILL)
        for pidfd in row.family.values():
            proc.send(pidfd, signal.SIGKILL)

    def _send(self, row: Row, number: int) -> None:
        if row.pidfd >= 0:
            proc.send(row.pidfd, number)
        else:
            _try(os.kill, row.record.pid, number)

    def _send_all(self, row: Row, number: int) -> None:
        if row.pidfd < 0:
            _try(os.killpg, row.record.pid, number)
            return
        self._send(row, number)
        try:
            for pid, start in Census().family(row.record, by_session=True).items():
                pidfd = proc.handle(pid, start)
                if pidfd is not None:
                    proc.send(pidfd, number)
                    os.close(pidfd)
        except OSError as failure:
            note(f"signal {number} reached {row.record.id}, but not all of its family: {failure.strerror}")

    def _close(self, pidfd: int) -> None:
        self._table.loop.forget(pidfd)
        os.close(pidfd)


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _try(send: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError) as failure:
        note(f"signal {number} to {pid}: {failure.strerror}")
