"""What is reckoned from the figures of requests and queries, and which suggestions the rules make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.figures import BOUNDS_S, Timing
from reconciler.runtime.performance import FEW, FEW_READS, NOT_KEPT, Performance, quantile_ms
from reconciler.store.figures import commits, reads
from reconciler.views import OptimizationView

pytestmark = pytest.mark.req("OBS-16")

LIST = "/api/v1/resources"


class Told:
    """A node's figures, as they are counted on the way."""

    def __init__(self) -> None:
        self.reads: Timing = reads()
        self.commits: Timing = commits()
        self.performance = Performance(self.reads, self.commits)

    def request(self, seconds: float, status: int = 200, *, route: str = LIST, times: int = 1) -> None:
        for _ in range(times):
            self.performance.track_request(seconds, "GET", route, str(status))

    def suggestions(self) -> list[OptimizationView]:
        return self.performance.suggest_optimizations(1.0)


@pytest.fixture
def told() -> Told:
    return Told()


def test_nothing_is_told_of_what_has_not_happened(told: Told) -> None:
    assert told.performance.get_metrics(7.5) == {"uptime_s": 7.5, "requests": [], "queries": []}
    assert told.suggestions() == []


def test_a_route_is_told_whole_whatever_it_has_answered(told: Told) -> None:
    for status, times in ((200, 5), (304, 3), (404, 2), (503, 1)):
        told.request(0.002, status, times=times)
    told.request(0.002, route="/health")
    first, second = told.performance.get_metrics(1.0)["requests"]
    assert (first["method"], first["route"], second["route"]) == ("GET", LIST, "/health")
    assert (first["count"], first["unchanged"], first["refused"], first["errors"]) == (11, 3, 2, 1)
    assert first["mean_ms"] == pytest.approx(2.0)
    assert second["count"] == 1


def test_queries_are_told_with_those_that_failed(told: Told) -> None:
    told.reads.add(0.004, "plans", "ok")
    told.reads.add(0.006, "plans", "failed")
    told.commits.add(0.003, "ok")
    plans, commit = told.performance.get_metrics(1.0)["queries"]
    assert (plans["query"], plans["count"], plans["failed"], plans["mean_ms"]) == ("plans", 2, 1, 5.0)
    assert (commit["query"], commit["count"], commit["failed"]) == ("commit", 1, 0)


def test_a_quantile_lies_within_its_bucket() -> None:
    buckets = [0.0] * (len(BOUNDS_S) + 1)
    buckets[1] = 10  # from 1 to 2.5 ms
    assert quantile_ms(buckets, 0.5) == 1.75
    assert quantile_ms(buckets, 1.0) == 2.5
    buckets[-1] = 10  # beyond the last bound, nobody knows how far
    assert quantile_ms(buckets, 0.5) == 2.5
    assert quantile_ms(buckets, 0.99) == 1000 * BOUNDS_S[-1]
    assert quantile_ms([4.0, *buckets[1:-1], 0.0], 0.0) == 0.0


def test_a_slow_route_is_found_once_it_was_asked_often_enough(told: Told) -> None:
    told.request(0.2, times=FEW - 1)
    assert told.suggestions() == []
    told.request(0.2)
    told.request(1.5, route="/slower", times=FEW)
    told.request(0.01, route="/quick", times=FEW)
    slowest, slow = told.suggestions()
    assert (slowest["rule"], slowest["subject"]) == ("slow-route", "GET /slower")
    assert slow["subject"] == f"GET {LIST}"
    assert slow["figure"] > slow["bound"] == 50.0
    assert f"{slow['figure']:g} ms" in slow["message"]
    assert slow["remedy"]


def test_one_slow_request_of_many_makes_no_route_slow(told: Told) -> None:
    told.request(0.01, times=FEW)
    told.request(5.0)
    assert told.suggestions() == []


def test_reads_that_are_told_in_full_each_time_are_found(told: Told) -> None:
    told.request(0.001, times=FEW_READS - 1)
    assert told.suggestions() == []
    told.request(0.001, 304)
    told.request(0.001, 404, times=FEW_READS)  # what is refused could not be kept
    (one,) = told.suggestions()
    assert (one["rule"], one["subject"], one["figure"]) == ("low-cache-hit-rate", f"GET {LIST}", 0.01)
    assert "`If-None-Match`" in one["remedy"]
    told.request(0.001, 304, times=FEW_READS)
    assert told.suggestions() == [], "half of them were kept by then"


def test_what_nobody_can_keep_is_no_miss(told: Told) -> None:
    paths = json.loads(Path("schemas/openapi.json").read_text())["paths"]
    assert paths.keys() >= NOT_KEPT
    for route in NOT_KEPT:
        told.request(0.001, route=route, times=2 * FEW_READS)
    assert told.suggestions() == []


def test_writes_are_no_reads(told: Told) -> None:
    for _ in range(2 * FEW_READS):
        told.performance.track_request(0.001, "POST", "/api/v1/apply", "202")
    assert told.suggestions() == []


def test_a_slow_query_is_found_by_its_mean(told: Told) -> None:
    for _ in range(FEW):
        told.reads.add(0.004, "plans", "ok")
        told.reads.add(0.02, "page of events", "ok")
        told.commits.add(0.03, "ok")
    slowest, slow = told.suggestions()
    assert (slowest["rule"], slowest["subject"], slowest["figure"]) == ("slow-query", "commit", 30.0)
    assert (slow["subject"], slow["bound"]) == ("page of events", 10.0)
