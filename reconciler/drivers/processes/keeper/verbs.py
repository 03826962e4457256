"""What clients may ask for, checked field by field before anything is done.

Rules: a message in answer to bad input names the field and never its value, which may be a secret.
"""

from __future__ import annotations

import re
import signal
from functools import partial

from .ends import Ends
from .row import Answer, Trouble
from .spawn import Care, Run
from .starts import Starts
from .table import Table

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
LONGEST_GRACE_S = 86_400
Fields = dict[str, object]


class Verbs:
    def __init__(self, table: Table, starts: Starts, ends: Ends) -> None:
        self._table = table
        self._starts = starts
        self._ends = ends
        self._known = {
            "start": self._start,
            "stop": self._stop,
            "signal": self._signal,
            "forget": self._forget,
            "tend": self._tend,
        }

    def do(self, verb: object, fields: Fields, answer: Answer) -> None:
        """Do what is asked, and answer now or when it is done. Raise Trouble when it cannot be."""
        known = self._known.get(verb) if isinstance(verb, str) else None
        if known is None:
            raise _expected(
                "do", f"one of {', '.join(sorted(self._known))}, list, retire, subscribe, shutdown, version"
            )
        known(fields, answer)

    def _start(self, fields: Fields, answer: Answer) -> None:
        self._starts.start(_run(fields), answer)

    def _stop(self, fields: Fields, answer: Answer) -> None:
        grace_s = _number(fields, "grace_s", 0, LONGEST_GRACE_S)
        self._ends.stop(_id(fields), _signal(fields, "signal"), grace_s, partial(answer, None))

    def _signal(self, fields: Fields, answer: Answer) -> None:
        self._ends.signal(_id(fields), _signal(fields, "signal"))
        answer(None)

    def _tend(self, fields: Fields, answer: Answer) -> None:
        self._table.tend(_id(fields), _care(fields))
        answer(None)

    def _forget(self, fields: Fields, answer: Answer) -> None:
        self._table.forget(_id(fields), logs=fields.get("logs") is True)
        answer(None)


def _run(fields: Fields) -> Run:
    run = Run(_id(fields), _argv(fields), _care(fields))
    run.env = _texts(fields, "env")
    if any("=" in name or not name for name in run.env):
        raise _expected("env", "names without '='")
    run.cwd = _text(fields.get("cwd", "/"), "cwd")
    run.user = _text(fields.get("user", ""), "user")
    return run


def _care(fields: Fields) -> Care:
    care = Care()
    care.labels = _texts(fields, "labels")
    care.stop_signal = _signal(fields, "stop_signal")
    care.grace_s = _number(fields, "grace_s", 0, LONGEST_GRACE_S)
    care.max_bytes = int(_number(fields, "max_bytes", 4096, 1 << 40))
    care.keep = int(_number(fields, "keep", 1, 1000))
    return care


def _id(fields: Fields) -> str:
    name = fields.get("id")
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise _expected("id", "letters, digits and . _ / -, at most 200, a letter or digit first")
    return name


def _argv(fields: Fields) -> list[str]:
    argv = fields.get("argv")
    if not isinstance(argv, list) or not argv:
        raise _expected("argv", "a list of texts, the program first")
    return [_text(word, "argv") for word in argv]


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _expected(field, "text without a zero character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _expected(field, "text that can be written as UTF-8") from None
    return value


def _texts(fields: Fields, field: str) -> dict[str, str]:
    value = fields.get(field, {})
    if not isinstance(value, dict):
        raise _expected(field, "an object")
    return {_text(name, field): _text(text, field) for name, text in value.items()}


def _number(fields: Fields, field: str, least: float, most: float) -> float:
    value = fields.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _expected(field, f"a number from {least:g} to {most:g}")
    return float(value)


def _signal(fields: Fields, field: str) -> int:
    value = fields.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or value not in signal.valid_signals():
        raise _expected(field, "the number of a signal")
    return value


def _expected(field: str, what: str) -> Trouble:
    return Trouble("INVALID_REQUEST", f"{field}: expected {what}")
