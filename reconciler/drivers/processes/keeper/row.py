"""One row of the keeper's table: a record, and what only a living keeper has beside it."""

from __future__ import annotations

from collections.abc import Callable

from .loop import Timer
from .output import Output
from .record import EXITED, Record
from .spawn import Held


class Trouble(Exception):
    """Why something cannot be done; `code` is a word of Holdfast's error tree."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


Answer = Callable[[object], None]
"""Takes what a request asked for, as JSON can say it, or the Trouble."""


class Row:
    __slots__ = (
        "before",
        "deadline",
        "family",
        "held",
        "killing",
        "on_end",
        "on_start",
        "output",
        "pidfd",
        "record",
        "told",
        "watched",
    )

    def __init__(self, record: Record, output: Output) -> None:
        self.record = record
        self.output = output
        self.before: Record | None = None  # what there was until the start that is under way succeeds
        self.held: Held | None = None  # a start is under way
        self.on_start: list[Answer] = []
        self.on_end: list[Callable[[], None]] = []
        self.pidfd = -1  # of a process that an earlier keeper started; our own children need none
        self.watched = True  # this keeper has seen it alive
        self.family: dict[int, int] = {}  # what outlived its leader: pid -> pidfd
        self.told = 0  # the signal that it was told to end by
        self.deadline: Timer | None = None  # when what is left of it is killed
        self.killing = False  # the deadline has passed

    @property
    def shown(self) -> Record | None:
        """What clients may see: a start that has not succeeded yet is nothing."""
        return self.before if self.held else self.record

    def tell_end(self) -> None:
        waiting, self.on_end = self.on_end, []
        for done in waiting:
            done()

    @property
    def over(self) -> bool:
        return self.record.state == EXITED

    @property
    def leads(self) -> bool:
        """The process itself lives, as far as is known."""
        return self.record.exited_at is None
