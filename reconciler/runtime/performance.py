"""How the node performs: what requests and queries took since it was started, and what would spare time.

Rules: whoever does the work counts it, and nothing is reckoned before somebody asks. A quantile is estimated
from a histogram's buckets as Prometheus does it. A suggestion names the rule, the figure, its bound and what
to do, and none is made of what has happened a few times only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from reconciler.figures import BOUNDS_S, Labels, Timing

if TYPE_CHECKING:
    from reconciler.views import (
        OptimizationView,
        PerformanceView,
        QueryTimingView,
        RouteTimingView,
        TimingView,
    )

SLOW_ROUTE_MS = 50.0  # one request in twenty may take longer
SLOW_QUERY_MS = 10.0  # on average
LOW_HIT_RATE = 0.2  # of reads whose callers had the answer already
FEW = 20  # requests or queries that say nothing yet
FEW_READS = 100
COMMIT = "commit"
NOT_KEPT = frozenset(  # no caller can have these already: they go on, or are of the moment
    {
        "/api/v1/daemon/health",
        "/api/v1/daemon/stats",
        "/api/v1/events",
        "/api/v1/metrics/optimizations",
        "/api/v1/metrics/performance",
        "/api/v1/metrics/services",
        "/api/v1/resources/{kind}/{namespace}/{name}/logs",
        "/api/v1/system/health",
        "/api/v1/system/metrics",
        "/health",
        "/health/full",
        "/metrics",
        "/stats",
    }
)
AT = (*BOUNDS_S, BOUNDS_S[-1])  # what is beyond the last bound counts as that


class Performance:
    def __init__(self, reads: Timing, commits: Timing) -> None:
        """What the store times of itself."""
        self._reads = reads
        self._commits = commits
        self.requests = Timing(
            "holdfast_http_request_duration_seconds",
            "Requests until their answer begins.",
            ("method", "route", "status"),
        )
        self.track_request = self.requests.add  # itself: every request passes here

    def get_metrics(self, uptime_s: float) -> PerformanceView:
        reads = _queries(self._reads.series(), lambda labels: labels[0])
        commits = _queries(self._commits.series(), lambda _: COMMIT)
        return {
            "uptime_s": uptime_s,
            "requests": list(_routes(self.requests.series())),
            "queries": [*reads, *commits],
        }

    def suggest_optimizations(self, uptime_s: float) -> list[OptimizationView]:
        """The farthest beyond its bound first, rule by rule."""
        found = self.get_metrics(uptime_s)
        routes, queries = found["requests"], found["queries"]
        return [*_slow_routes(routes), *_asked_again(routes), *_slow_queries(queries)]


def _slow_routes(routes: Iterable[RouteTimingView]) -> list[OptimizationView]:
    slow = [one for one in routes if one["count"] >= FEW and one["p95_ms"] > SLOW_ROUTE_MS]
    return [
        {
            "rule": "slow-route",
            "subject": f"{one['method']} {one['route']}",
            "figure": one["p95_ms"],
            "bound": SLOW_ROUTE_MS,
            "message": f"one in twenty of {one['count']} requests took more than {one['p95_ms']:g} ms",
            "remedy": "ask for less at once (`limit`, filters), or follow `/api/v1/events` instead of asking "
            "again; a trace of such a request shows which part of it is slow",
        }
        for one in sorted(slow, key=lambda one: -one["p95_ms"])
    ]


def _asked_again(routes: Iterable[RouteTimingView]) -> list[OptimizationView]:
    reads = [one for one in routes if one["method"] == "GET" and one["route"] not in NOT_KEPT]
    rated = [
        (one["unchanged"] / told, told, one)
        for one in reads
        if (told := one["count"] - one["refused"] - one["errors"]) >= FEW_READS
    ]
    low = sorted((one for one in rated if one[0] < LOW_HIT_RATE), key=lambda one: one[0])
    return [
        {
            "rule": "low-cache-hit-rate",
            "subject": f"GET {one['route']}",
            "figure": round(rate, 4),
            "bound": LOW_HIT_RATE,
            "message": f"{told - one['unchanged']} of {told} answers were told in full",
            "remedy": "let callers send the `ETag` that they have as `If-None-Match`, or follow "
            "`/api/v1/events`: what has not changed is neither sent nor counted by a limit then",
        }
        for rate, told, one in low
    ]


def _slow_queries(queries: Iterable[QueryTimingView]) -> list[OptimizationView]:
    slow = [one for one in queries if one["count"] >= FEW and one["mean_ms"] > SLOW_QUERY_MS]
    return [
        {
            "rule": "slow-query",
            "subject": one["query"],
            "figure": one["mean_ms"],
            "bound": SLOW_QUERY_MS,
            "message": f"{one['count']} of them took {one['mean_ms']:g} ms on average",
            "remedy": "put the data folder on a faster disk, or keep less (the settings `retention.*`)",
        }
        for one in sorted(slow, key=lambda one: -one["mean_ms"])
    ]


# ----------------------------------------------------------------------------------------------- reckoning

Series = Mapping[Labels, Sequence[float]]
"""As a `Timing` tells them."""


def _routes(series: Series) -> Iterator[RouteTimingView]:
    for (method, route), by_status in _grouped(series, lambda labels: labels[:2]).items():
        count = {status: int(sum(one[:-1])) for (*_, status), one in by_status.items()}
        yield {
            "method": method,
            "route": route,
            "errors": sum(n for status, n in count.items() if status.startswith("5")),
            "refused": sum(n for status, n in count.items() if status.startswith("4")),
            "unchanged": count.get("304", 0),
            **_timing(by_status.values()),
        }


def _queries(series: Series, name: Callable[[Labels], str]) -> Iterator[QueryTimingView]:
    for (query,), by_outcome in _grouped(series, lambda labels: (name(labels),)).items():
        failed = sum(int(sum(one[:-1])) for (*_, outcome), one in by_outcome.items() if outcome != "ok")
        yield {"query": query, "failed": failed, **_timing(by_outcome.values())}


def _grouped(series: Series, key: Callable[[Labels], Labels]) -> dict[Labels, Series]:
    found: dict[Labels, dict[Labels, Sequence[float]]] = {}
    for labels in sorted(series):
        found.setdefault(key(labels), {})[labels] = series[labels]
    return dict(found)


def _timing(parts: Iterable[Sequence[float]]) -> TimingView:
    *buckets, total_s = map(sum, zip(*parts, strict=True))
    count = sum(buckets)
    return {
        "count": int(count),
        "mean_ms": round(1000 * total_s / count, 3),
        "p50_ms": quantile_ms(buckets, 0.5),
        "p95_ms": quantile_ms(buckets, 0.95),
        "p99_ms": quantile_ms(buckets, 0.99),
    }


def quantile_ms(buckets: Sequence[float], share: float) -> float:
    """Up to how long this share of them took; within a bucket they count as spread evenly."""
    upto = list(accumulate(buckets))
    wanted = share * upto[-1]
    place = next(n for n, count in enumerate(upto) if count >= wanted and buckets[n])
    low, high = (0.0, *AT)[place], AT[place]
    within = (wanted - (upto[place] - buckets[place])) / buckets[place]
    return round(1000 * (low + (high - low) * within), 3)
