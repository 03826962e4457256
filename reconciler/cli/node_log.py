"""What the node's own modules log, as the settings say: how much, and in which form. It goes to stderr."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.settings import Log

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def begin(settings: Log) -> None:
    handler = _ToStderr()
    handler.setFormatter(_Json() if settings.format == "json" else logging.Formatter(TEXT))
    logging.root.handlers = [handler]
    set_level(settings)


def set_level(settings: Log) -> None:
    logging.root.setLevel(settings.level.upper())


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg] # generic for the type checker alone
    """Whatever stderr is just now: a live view puts something of its own there."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)
