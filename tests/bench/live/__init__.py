"""One event to a thousand WebSocket clients, beside Litestar's own channels; and how many a node can hold.

Rules: server and clients are processes of their own; each event bears the moment in which it was told, and
clients note when it came: what is compared is the time between, of all clients and events together. Both
servers run on the loop of the standard library, as a node does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from statistics import median, quantiles

import psutil

from tests.bench.row import Row, at_most, beside
from tests.bench.spoken import running

CLIENTS, MANY = 1_000, 5_000
EVENTS, TURNS = 10, 3
OURS, THEIRS = "tests.bench.live.ours", "tests.bench.live.theirs"


def rows() -> Iterator[Row]:
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(_p95(heard(OURS)))
        theirs.append(_p95(heard(THEIRS)))
    channels = ("Litestar's ChannelsPlugin", median(theirs))
    yield beside("one event to 1,000 WebSocket clients, p95", median(ours), "ms", channels, 1.5)
    yield from _held()


def heard(server: str) -> list[float]:
    """The milliseconds from each event's telling to its arrival at each client."""
    with running(server) as told, running("tests.bench.live.crowd", told.line(), str(CLIENTS)) as crowd:
        crowd.line()  # all are there
        taken: list[float] = []
        for turn in range(EVENTS + 1):
            told.say("tell")
            found: list[float] = json.loads(crowd.line())
            if turn:  # the first is a warm-up
                taken += found
    return taken


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[-1]


def _held() -> Iterator[Row]:
    with running(OURS) as node:
        with running("tests.bench.live.crowd", node.line(), str(MANY)) as crowd:
            crowd.line()
            node.say("tell")
            crowd.line()
            used = psutil.Process(node.process.pid).memory_info().rss / 2**20
            yield at_most("a node with 5,000 WebSocket clients", used, "MiB", 400)
            began = time.perf_counter()
            node.say("stop")
            ended = json.loads(crowd.line())
            took = time.perf_counter() - began
        yield at_most("a stop, until all of them are told and closed", took, "s", 2)
        yield Row(
            "clients not told of it", MANY - ended["told"], "", goal="<= 0", holds=ended["told"] == MANY
        )
