"""A page of 50 resources and a single one over HTTP, beside a bare Litestar that has the same in memory.

Rules: each server is a process of its own, and so is who asks, on 32 connections; a node does all that it
does for everybody: who asks, their limit, the figures, the request's id. Throughput is told twice: by the
clock on the wall, and as requests to a second of the server's own processor time, of which one worker has one
in each second, however busy the machine is; these are compared.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import psutil

from tests.bench.row import Row, at_least, at_most
from tests.bench.spoken import Spoken, running

CONNECTIONS, SECONDS, WARM_S, TURNS = 32, 3.0, 0.5, 5
LIST = "/api/v1/resources?kind=key&per_page=50"
SINGLE = "/api/v1/resources/key/default/k7"
NEAR_BARE = 0.6
MOST_MIB = 30


@dataclass(frozen=True, slots=True)
class Asked:
    per_cpu_s: float
    per_s: float
    p95_ms: float
    p99_ms: float


def rows() -> Iterator[Row]:
    with running("tests.bench.http.ours") as node:
        place, key = node.line().split()
        with running("tests.bench.http.theirs") as bare:
            told = [_read(place, path, key) for path in (LIST, SINGLE)]
            bare.say(f"[{','.join(told)}]")
            with (
                running("tests.bench.http.load", place, key, str(CONNECTIONS)) as of_node,
                running("tests.bench.http.load", bare.line(), "", str(CONNECTIONS)) as of_bare,
            ):
                for name, path, other in (("a page of 50", LIST, "/list"), ("a single read", SINGLE, "/one")):
                    sides = ((node, of_node, path), (bare, of_bare, other))
                    ours, theirs = _in_turn(sides)
                    yield _beside(f"{name}: requests to a processor's second", ours, theirs)
                    yield at_least(f"{name}: requests", ours.per_s, "1/s", 3000)
                    yield at_most(f"{name}: p95", ours.p95_ms, "ms", 10)
                    yield at_most(f"{name}: p99", ours.p99_ms, "ms", 25)
    yield from at_rest()


def _read(place: str, path: str, key: str) -> str:
    request = urllib.request.Request(f"http://{place}{path}", headers={"X-API-Key": key})
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own node
        return json.dumps(json.load(answer))


def _in_turn(sides: tuple[tuple[Spoken, Spoken, str], ...]) -> list[Asked]:
    kept: list[list[Asked]] = [[] for _ in sides]
    for _ in range(TURNS):
        for number, side in enumerate(sides):
            ask(*side, WARM_S)
            kept[number].append(ask(*side, SECONDS))
    return [Asked(*(median(values) for values in zip(*map(_figures, own), strict=True))) for own in kept]


def _figures(one: Asked) -> tuple[float, ...]:
    return one.per_cpu_s, one.per_s, one.p95_ms, one.p99_ms


def ask(server: Spoken, load: Spoken, path: str, seconds: float) -> Asked:
    before = _cpu_s(server)
    load.say(f"ask {seconds} {path}")
    told = json.loads(load.line())
    used = _cpu_s(server) - before
    return Asked(told["requests"] / used, told["requests"] / told["seconds"], told["p95_ms"], told["p99_ms"])


def _cpu_s(server: Spoken) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


def _beside(name: str, ours: Asked, theirs: Asked) -> Row:
    ratio = ours.per_cpu_s / theirs.per_cpu_s
    against = f"bare Litestar: {theirs.per_cpu_s:.0f} ({theirs.per_s:.0f}/s, p95 {theirs.p95_ms:.1f} ms)"
    goal = f">= {NEAR_BARE:g}"
    return Row(name, round(ours.per_cpu_s), "", against, round(ratio, 3), goal, ratio >= NEAR_BARE)


def at_rest() -> Iterator[Row]:
    """What the API adds to the memory of a node that nobody asks anything."""
    used = {}
    for how, doors in (("alone", 0), ("open", 3)):
        with running("tests.bench.http.rest", how) as node:
            mebibytes, open_doors = node.line().split()
            assert int(open_doors) == doors
            used[how] = float(mebibytes)
    added = used["open"] - used["alone"]
    name, against = "what the API adds to a node at rest", f"the node alone: {used['alone']:.0f} MiB"
    yield Row(name, round(added, 1), "MiB", against, goal=f"<= {MOST_MIB} MiB", holds=added <= MOST_MIB)
