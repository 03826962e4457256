"""What a new keeper does first: it looks for what an earlier one started, and supervises it again.

Rules: a record whose pid and start time are still one living process is adopted. One whose process is
gone gets an end without an exit code, and what it left behind is ended. What bears a token of this
data folder that no record knows (the record was lost) is adopted under the id in its token. Adopted
processes are not our children: their end is seen by pidfd, and that one is stopped by looking.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial

from . import proc
from .census import Census
from .record import EXITED, RUNNING, Record
from .row import Row
from .supervisor import Supervisor

LOOK_S = 0.5


def adopt_all(supervisor: Supervisor) -> None:
    census = Census()
    gone = []
    for record in supervisor.records.load():
        row = supervisor.add(record)
        if record.state == EXITED:
            if census.by_token.get(record.token):
                gone.append(row)
        elif record.exited_at is not None or not _adopt(supervisor, row):
            record.exited_at = record.exited_at or time.time()
            row.output.resume()
            gone.append(row)
    known = {row.record.token for row in supervisor.rows.values()}
    for token in census.by_token.keys() - known:
        home, _, rest = token.partition(":")
        if home == supervisor.home:
            _adopt_lost(supervisor, census, token, rest.rpartition(":")[0])
    supervisor.settle(gone)
    _look(supervisor)


def _adopt(supervisor: Supervisor, row: Row) -> bool:
    record = row.record
    pidfd = proc.handle(record.pid, record.start) if record.boot == supervisor.boot else None
    if pidfd is None:
        return False
    row.pidfd = pidfd
    record.state = RUNNING
    row.output.resume()
    supervisor.loop.watch(pidfd, partial(_gone, supervisor, row))
    return True


def _adopt_lost(supervisor: Supervisor, census: Census, token: str, id: str) -> None:
    members = sorted(census.by_token[token], key=lambda pid: census.everyone[pid].start)
    leader = next((pid for pid in members if census.everyone[pid].session == pid), None)
    row = supervisor.rows.get(id)
    if leader is not None and id and (row is None or row.over):
        record = Record(id, token, supervisor.boot)
        record.pid, record.start = leader, census.everyone[leader].start
        record.started_at = time.time()
        _adopt(supervisor, supervisor.add(record))
        sys.stderr.write(f"{id}: found process {leader} without its record; adopted\n")
        return
    for pid in members:
        pidfd = proc.handle(pid, census.everyone[pid].start)
        if pidfd is not None:
            proc.send(pidfd, 9)
            os.close(pidfd)
            sys.stderr.write(f"{id}: process {pid} was left behind without its record; killed\n")


def _gone(supervisor: Supervisor, row: Row) -> None:
    supervisor.loop.forget(row.pidfd)
    row.record.exited_at = time.time()
    supervisor.settle([row])


def _look(supervisor: Supervisor) -> None:
    adopted = [row for row in supervisor.rows.values() if row.pidfd >= 0 and row.leads]
    for row in adopted:
        who = proc.stat(row.record.pid)
        if who is not None and who.state not in proc.DEAD:
            supervisor.note_stopped(row, who.state in proc.STOPPED)
    if adopted:
        supervisor.loop.later(LOOK_S, partial(_look, supervisor))
