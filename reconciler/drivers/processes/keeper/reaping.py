"""Takes notice of the keeper's children that have ended, were stopped or go on.

Rules: every child is waited for, those too that only came to us when their parent died, so that none
stays a zombie.
"""

from __future__ import annotations

import os
import time

from .ends import Ends
from .row import Row
from .starts import Starts
from .table import Table

CHANGES = os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOHANG
ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)


def reap(table: Table, starts: Starts, ends: Ends) -> None:
    while True:
        try:
            seen = os.waitid(os.P_ALL, 0, CHANGES)
        except ChildProcessError:
            break
        if seen is None:
            break
        row = table.children.get(seen.si_pid)
        if row is not None and seen.si_code in ENDS:
            starts.reported(row)  # its end may be seen before its start was
            if table.children.pop(seen.si_pid, None):
                _note_end(row, seen.si_code, seen.si_status)
                ends.gone(row)
        elif row is not None:
            ends.note_stopped(row, seen.si_code != os.CLD_CONTINUED)


def _note_end(row: Row, code: int, status: int) -> None:
    row.record.exited_at = time.time()
    if code == os.CLD_EXITED:
        row.record.exit_code = status
    else:
        row.record.signal = status
