"""What the node's own modules log, as the settings say: how much, and in which form. It goes to stderr.

Rules: others' modules tell nothing below `info`. What they have to debug names the values of statements and
every look at a folder, and a log that lies beside one would tell of itself without end.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from reconciler.within import WITHIN

if TYPE_CHECKING:
    from reconciler.settings import Log

FIELDS = "fields"  # what a line tells beside its words: `extra={"fields": {...}}`
OURS = ("reconciler", "api")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def begin(settings: Log) -> None:
    handler = _ToStderr()
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    logging.root.handlers = [handler]
    set_level(settings)


def set_level(settings: Log) -> None:
    wanted = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.root.setLevel(max(wanted, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(wanted)


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg] # generic for the type checker alone
    """Whatever stderr is just now: a live view puts something of its own there."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        told, within = super().format(record), WITHIN.get()
        return told if within is None else f"{told} [{within.request_id}]"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (within := WITHIN.get()) is not None:
            told |= {"request_id": within.request_id, "trace_id": within.trace_id, "span_id": within.span_id}
        told |= vars(record).get(FIELDS, {})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)
