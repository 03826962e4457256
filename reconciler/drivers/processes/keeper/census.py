"""Who lives just now, by family: taken once for a question, for reading all of /proc takes a while.

Rules: to a family belongs what bears its token. Of a process that this keeper has seen alive, what is
in its session too, for a program may overwrite its own environment: a session's number is given to
nobody else while it has members, and we look at the moment when its leader is gone; one whose leader has
started at another tick is somebody else's. A daemon that
leaves the session and clears its environment as well is out of reach.
"""

from __future__ import annotations

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

    def family(self, record: Record, *, by_session: bool) -> dict[int, int]:
        """All members but the leader, by pid, each with its start."""
        members = self.by_token.get(record.token, set())
        leader = self.everyone.get(record.pid)
        if by_session and (leader is None or leader.start == record.start):
            members = members | self._by_session.get(record.pid, set())
        return {pid: self.everyone[pid].start for pid in members if pid != record.pid}
