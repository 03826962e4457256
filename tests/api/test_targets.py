"""What was promised of times and sizes, measured at a node that is a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import median

import psutil
import pytest

from tests.bench import http, live
from tests.bench.spoken import Spoken, running
from tests.measured import Measured

pytestmark = pytest.mark.timed

ASKING = 4  # at once: an answer's own time, and not that of a queue before it
MANY = 100
LATE_MS, SLOW_S = 50.0, 1.0
MEMORY_MIB = 512
ADDED_MS = 1.0


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[Spoken, str, str]]:
    with running("tests.bench.http.ours") as found:
        place, key = found.line().split()
        yield found, place, key


@pytest.mark.req("TST-01", "TST-02", "TST-03", "TST-04", "TST-22", "X-23")
@pytest.mark.parametrize("path", [http.LIST, http.SINGLE])
def test_an_answer_is_there_at_once(node: tuple[Spoken, str, str], path: str) -> None:
    late = Measured(LATE_MS)
    with running("tests.bench.http.load", *node[1:], str(ASKING)) as load:
        while late.is_open:
            load.say(f"ask 2 {path}")
            told = json.loads(load.line())
            late.add(told["p95_ms"])
            assert told["p99_ms"] < SLOW_S * 1000
    assert late.best < LATE_MS


@pytest.mark.req("TST-05", "TST-07", "TST-23", "X-18", "X-24")
def test_many_who_ask_at_once_are_all_answered(node: tuple[Spoken, str, str]) -> None:
    """Whoever asks stops at the first answer that is not 200; the limits count, and are never met."""
    with running("tests.bench.http.load", *node[1:], str(MANY)) as load:
        load.say(f"ask 3 {http.LIST}")
        told = json.loads(load.line())
    assert told["requests"] / told["seconds"] >= 100
    assert psutil.Process(node[0].process.pid).memory_info().rss / 2**20 < MEMORY_MIB


@pytest.mark.req("TST-22", "TST-25")
def test_a_request_adds_little_to_the_call_within(node: tuple[Spoken, str, str]) -> None:
    """In processor time, of which a call within takes some microseconds."""
    added = Measured(ADDED_MS)
    with running("tests.bench.http.load", *node[1:], str(http.CONNECTIONS)) as load:
        while added.is_open:
            added.add(1000 / http.ask(node[0], load, http.SINGLE, 2).per_cpu_s)
    assert added.best < ADDED_MS


@pytest.mark.req("TST-06", "X-24")
def test_the_api_takes_little_memory_while_nobody_asks() -> None:
    (row,) = http.at_rest()
    assert row.value <= 30


@pytest.mark.req("TST-08", "EVT-15")
def test_a_thousand_hear_of_an_event_at_once() -> None:
    late = Measured(LATE_MS)
    while late.is_open:
        late.add(median(live.heard(live.OURS)))
    assert late.best < LATE_MS
