"""Who lives just now, by family: taken once for a question, for reading all of /proc takes a while.

Rules: to a family belongs what bears its token, and what is in its session and descends from this
keeper: a program may overwrite its own environment, but only what Holdfast started descends from here.
"""

from __future__ import annotations

import os
from collections import defaultdict

from . import proc
from .record import Record


class Census:
    def __init__(self) -> None:
        self.everyone = proc.everyone()
        self.by_token: defaultdict[str, set[int]] = defaultdict(set)
        self._by_session: defaultdict[int, set[int]] = defaultdict(set)
        for pid, who in self.everyone.items():
            token = proc.token(pid)
            if token:
                self.by_token[token].add(pid)
            self._by_session[who.session].add(pid)

    def family(self, record: Record) -> dict[int, int]:
        """All members but the leader, by pid, each with its start."""
        members = self.by_token.get(record.token, set()) | {
            pid for pid in self._by_session.get(record.pid, ()) if self._descends(pid)
        }
        return {pid: self.everyone[pid].start for pid in members if pid != record.pid}

    def _descends(self, pid: int) -> bool:
        keeper = os.getpid()
        while pid > 1 and pid != keeper and pid in self.everyone:
            pid = self.everyone[pid].parent
        return pid == keeper
