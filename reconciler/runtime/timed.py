"""A driver's port with a clock beside it: how long each of its calls takes, and how it ends.

Rules: whoever calls sees the port as it is; what streams or subscribes is passed through, since its time is
not the driver's; an error is counted and goes on as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from time import perf_counter
from typing import Any

from reconciler.figures import Timing

Told = Callable[[float, str, str, str], None]
"""Who is told how many seconds a driver's call took, and how it ended."""

PASSED_THROUGH = frozenset({"subscribe", "logs"})


def calls() -> Timing:
    return Timing("holdfast_driver_call_duration_seconds", "Calls of drivers.", ("driver", "call", "outcome"))


class Timed:
    """In the port's place; methods are wrapped when they are first asked for."""

    def __init__(self, port: object, name: str, told: Told) -> None:
        self._port = port
        self._name = name
        self._told = told

    def __getattr__(self, call: str) -> Any:  # noqa: ANN401 - as the port has it
        found = getattr(self._port, call)
        if callable(found) and call not in PASSED_THROUGH and not isasyncgenfunction(found):
            found = _timed(found, self._told, self._name)
            setattr(self, call, found)
        return found


def _timed(call: Callable[..., Any], told: Told, driver: str) -> Callable[..., Any]:
    name = call.__name__

    @wraps(call)
    async def waiting(*values: object, **named: object) -> object:
        began, outcome = perf_counter(), "failed"
        try:
            answer = await call(*values, **named)
            outcome = "ok"
            return answer
        finally:
            told(perf_counter() - began, driver, name, outcome)

    @wraps(call)
    def at_once(*values: object, **named: object) -> object:
        began, outcome = perf_counter(), "failed"
        try:
            answer = call(*values, **named)
            outcome = "ok"
            return answer
        finally:
            told(perf_counter() - began, driver, name, outcome)

    return waiting if iscoroutinefunction(call) else at_once
