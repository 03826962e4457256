"""The table of processes: starts them, sees their ends, ends them with all that they left behind.

Rules: one process a service id, whatever is asked how often. A process counts as ended only when its
family is gone too; until then it is `ending`, and a start waits. A signal reaches only what is ours:
an own child that was not waited for yet, or a process whose pid and start time were checked.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from . import proc, spawn
from .census import Census
from .loop import Loop
from .output import Output
from .record import ENDING, EXITED, RUNNING, STOPPED, Record, Records, file_name
from .row import Answer, Row, Trouble

CHANGES = os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOHANG


class Supervisor:
    def __init__(self, loop: Loop, folder: Path, publish: Callable[[str, Record | None], None]) -> None:
        self.rows: dict[str, Row] = {}
        self.records = Records(folder)
        self.home = self.records.home()
        self.boot = proc.boot_id()
        self.closing = False
        self.publish = publish
        self.loop = loop
        self._folder = folder
        self._pids: dict[int, Row] = {}  # our own children, not waited for yet

    def facts(self) -> list[dict[str, object]]:
        shown = (row.shown for row in self.rows.values())
        return [record.facts() for record in shown if record]

    def add(self, record: Record) -> Row:
        row = Row(record, Output(self.loop, self._folder, file_name(record.id)))
        row.output.log.limit(record.max_bytes, record.keep)
        self.rows[record.id] = row
        return row

    # ------------------------------------------------------------------------------------ starting

    def start(self, run: spawn.Run, answer: Answer) -> None:
        """Answer with the process when its program runs; with the one that runs already, if any."""
        row = self.rows.get(run.id)
        if self.closing:
            answer(Trouble("SERVICE_UNAVAILABLE", "the keeper is shutting down"))
        elif row is None or row.over:
            self._launch(run, row, answer)
        elif row.held:
            row.on_start.append(answer)
        elif row.record.state == ENDING:
            row.on_end.append(partial(self.start, run, answer))
        else:
            answer(row.record.facts())

    def _launch(self, run: spawn.Run, before: Row | None, answer: Answer) -> None:
        record = Record(run.id, f"{self.home}:{run.id}:{os.urandom(8).hex()}", self.boot)
        record.take(run, before.record if before else None)
        row = self.add(record)
        if before:
            row.output, row.before = before.output, before.record
            row.output.log.limit(run.max_bytes, run.keep)
        try:
            row.held = self._hold(run, row)
        except OSError as failure:
            self._undo(row)
            answer(Trouble("FAILED", f"cannot start {run.id}: {failure.strerror}"))
            return
        row.on_start.append(answer)
        self._pids[record.pid] = row
        row.held.release()
        self.loop.watch(row.held.report, partial(self._reported, row))

    def _hold(self, run: spawn.Run, row: Row) -> spawn.Held:
        ends = row.output.ends()
        try:
            held = spawn.hold(run, row.record.token, ends)
        finally:
            for fd in ends:
                os.close(fd)
        who = proc.stat(held.pid)
        row.record.pid, row.record.start = held.pid, who.start if who else 0
        try:
            self.records.save(row.record)
        except OSError:
            held.give_up()
            raise
        return held

    def _reported(self, row: Row) -> None:
        """The child runs its program now, or says why it cannot."""
        if row.held is None:
            return
        words = os.read(row.held.report, 4096).decode(errors="replace")
        self.loop.forget(row.held.report)
        os.close(row.held.report)
        row.held = None
        waiting, row.on_start = row.on_start, []
        if words:
            del self._pids[row.record.pid]
            self._undo(row)
        else:
            self.publish(row.record.id, row.record)
        trouble = Trouble("FAILED", f"cannot start {row.record.id}: {words}") if words else None
        for answer in waiting:
            answer(trouble or row.record.facts())

    def _undo(self, row: Row) -> None:
        """Nothing was started: be as before."""
        if row.before:
            row.record, row.before = row.before, None
            self.save(row)
        else:
            row.output.close()
            del self.rows[row.record.id]
            self.records.drop(row.record.id)
        self._ended(row)

    # -------------------------------------------------------------------------------------- ending

    def stop(self, id: str, number: int, grace_s: float, done: Callable[[], None]) -> None:
        """Tell it to end, kill what is left after the grace; done when all of it is gone."""
        row = self.rows.get(id)
        if row is None or row.over:
            done()
            return
        row.on_end.append(done)
        if not row.record.asked:
            row.record.asked = True
            self.save(row)
        if row.leads and row.told != number:
            row.told = number
            self._send(row, number)
            self._send(row, signal.SIGCONT)  # one that was stopped could not even end
        self._set_deadline(row, grace_s)
        if row.record.state != ENDING:
            row.record.state = ENDING
            self.publish(id, row.shown)

    def _set_deadline(self, row: Row, grace_s: float) -> None:
        """The shortest grace that anybody gave counts."""
        if row.deadline and row.deadline.due <= time.monotonic() + grace_s:
            return
        if row.deadline:
            row.deadline.cancel()
        row.deadline = self.loop.later(grace_s, partial(self._kill, row))

    def _kill(self, row: Row) -> None:
        row.killing = True
        if row.leads:
            self._send_all(row, signal.SIGKILL)
        for pidfd in row.family.values():
            proc.send(pidfd, signal.SIGKILL)

    def signal(self, id: str, number: int) -> None:
        """To the process; SIGCONT to all of its group, for that is how it may have been stopped."""
        row = self.rows.get(id)
        if row is None or row.held or not row.leads:
            raise Trouble("NOT_FOUND", f"{id} does not run")
        if number == signal.SIGCONT:
            self._send_all(row, number)
        else:
            self._send(row, number)

    def _send(self, row: Row, number: int) -> None:
        if row.pidfd >= 0:
            proc.send(row.pidfd, number)
        else:
            self._try(os.kill, row.record.pid, number)

    def _send_all(self, row: Row, number: int) -> None:
        if row.pidfd >= 0:
            self._send(row, number)
            for pid, start in Census().family(row.record).items():
                pidfd = proc.handle(pid, start)
                if pidfd is not None:
                    proc.send(pidfd, number)
                    os.close(pidfd)
        else:  # not waited for yet: its pid, and so its group's number, is given to nobody else
            self._try(os.killpg, row.record.pid, number)

    @staticmethod
    def _try(send: Callable[[int, int], None], pid: int, number: int) -> None:
        try:
            send(pid, number)
        except (ProcessLookupError, PermissionError) as failure:
            sys.stderr.write(f"signal {number} to {pid}: {failure.strerror}\n")

    def forget(self, id: str, logs: bool) -> None:
        row = self.rows.get(id)
        if row is None:
            return
        if not row.over:
            raise Trouble("CONFLICT", f"{id} has not ended", "stop it first")
        if logs:
            row.output.erase()
        row.output.close()
        del self.rows[id]
        self.records.drop(id)
        self.publish(id, None)

    def shutdown(self, done: Callable[[], None]) -> None:
        """End everything, each with its own signal and grace."""
        self.closing = True
        left = [row for row in self.rows.values() if not row.over]
        waiting = {row.record.id for row in left}

        def one_less(id: str) -> None:
            waiting.discard(id)
            if not waiting:
                done()

        for row in left:
            record = row.record
            self.stop(record.id, record.stop_signal, record.grace_s, partial(one_less, record.id))
        if not left:
            done()

    # ------------------------------------------------------------------------------- what is seen

    def reap(self) -> None:
        """Take notice of all children that have changed."""
        gone = []
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, CHANGES)
            except ChildProcessError:
                break
            if seen is None:
                break
            row = self._pids.get(seen.si_pid)
            if row:
                self._reported(row)  # its end may be seen before its start was
            if row and row.record.pid == seen.si_pid and self._changed(row, seen.si_code, seen.si_status):
                gone.append(row)
        self.settle(gone)

    def _changed(self, row: Row, code: int, status: int) -> bool:
        """Tell if it is gone."""
        if code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
            del self._pids[row.record.pid]
            if code == os.CLD_EXITED:
                row.record.exit_code = status
            else:
                row.record.signal = status
            row.record.exited_at = time.time()
            return True
        self.note_stopped(row, code != os.CLD_CONTINUED)
        return False

    def note_stopped(self, row: Row, stopped: bool) -> None:
        state = STOPPED if stopped else RUNNING
        if row.record.state not in (ENDING, state):
            row.record.state = state
            self.publish(row.record.id, row.record)

    def settle(self, gone: Iterable[Row]) -> None:
        """Of these the leader is gone: end what it left behind, and they are over when there is nothing."""
        census: Census | None = None
        strays = proc.children(os.getpid()) - self._pids.keys()
        for row in gone:
            if row.pidfd >= 0 or strays or self._group_lives(row):
                census = census or Census()
                self._end_family(row, census.family(row.record))
            if not row.family:
                self._over(row)

    @staticmethod
    def _group_lives(row: Row) -> bool:
        try:
            os.killpg(row.record.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    def _end_family(self, row: Row, members: dict[int, int]) -> None:
        for pid, start in members.items():
            pidfd = proc.handle(pid, start)
            if pidfd is None:
                continue
            row.family[pid] = pidfd
            self.loop.watch(pidfd, partial(self._member_gone, row, pid))
            for number in (signal.SIGKILL,) if row.killing else (signal.SIGTERM, signal.SIGCONT):
                proc.send(pidfd, number)
        if row.family and not row.killing:
            self._set_deadline(row, row.record.grace_s)
        if row.family and row.record.state != ENDING:
            row.record.state = ENDING
            self.save(row)
            self.publish(row.record.id, row.record)

    def _member_gone(self, row: Row, pid: int) -> None:
        self._close(row.family.pop(pid))
        if not row.family:
            self.settle([row])

    def _over(self, row: Row) -> None:
        if row.deadline:
            row.deadline.cancel()
        if row.pidfd >= 0:
            self._close(row.pidfd)
            row.pidfd = -1
        row.output.drain()
        row.record.state = EXITED
        self.save(row)
        self.publish(row.record.id, row.record)
        self._ended(row)

    def _ended(self, row: Row) -> None:
        waiting, row.on_end = row.on_end, []
        for done in waiting:
            done()

    def _close(self, pidfd: int) -> None:
        self.loop.forget(pidfd)
        os.close(pidfd)

    def save(self, row: Row) -> None:
        """As well as may be: a full disk must keep nobody from stopping a process."""
        try:
            self.records.save(row.record)
        except OSError as failure:
            sys.stderr.write(f"the record of {row.record.id} is not stored: {failure.strerror}\n")
