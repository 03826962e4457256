"""What a node counts and times of itself, written as Prometheus reads it.

Rules: in memory, for one loop; each room holds the instruments of its own work, and whoever shows them
gathers them. The values of a label are few by nature (kinds, routes, outcomes), never what a stranger can
make up; should one grow all the same, what is beyond `MOST` series counts as `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter
from typing import Protocol

from reconciler.records import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4"
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST = 2000  # series of one instrument
OTHER = "other"
ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Labels = tuple[str, ...]


class Instrument(Protocol):
    def lines(self) -> Iterator[str]: ...


class Counter:
    """How often something has happened."""

    def __init__(self, name: str, meaning: str, labels: Labels = ()) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._counts: dict[Labels, float] = {}

    def add(self, *values: str, by: float = 1.0) -> None:
        counts = self._counts
        if values not in counts:
            values = _room(counts, values)
        counts[values] = counts.get(values, 0.0) + by

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._meaning, "counter")
        counts = self._counts or ({} if self._labels else {(): 0.0})
        for values, count in counts.items():
            yield f"{self._name}{_labelled(zip(self._labels, values, strict=True))} {_number(count)}"


class Timing:
    """How long something has taken, each time that it has happened."""

    def __init__(self, name: str, meaning: str, labels: Labels = ()) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._series: dict[Labels, list[float]] = {}  # how many in each bucket, and the sum of all

    def add(self, seconds: float, *values: str) -> None:
        series = self._series.get(values)
        if series is None:
            values = _room(self._series, values)
            series = self._series.setdefault(values, [0.0] * (len(BOUNDS_S) + 2))
        series[bisect_left(BOUNDS_S, seconds)] += 1
        series[-1] += seconds

    def series(self) -> Mapping[Labels, Sequence[float]]:
        """By its labels how many fell into each bucket, and behind these the sum of all."""
        return self._series

    @contextmanager
    def timed(self, *values: str) -> Iterator[None]:
        """Of what is done within; the last label says whether that went well."""
        began, outcome = perf_counter(), "failed"
        try:
            yield
            outcome = "ok"
        finally:
            self.add(perf_counter() - began, *values, outcome)

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._meaning, "histogram")
        for values, (*buckets, total) in self._series.items():
            own = tuple(zip(self._labels, values, strict=True))
            upto = [int(count) for count in accumulate(buckets)]
            for bound, count in zip((*map(_number, BOUNDS_S), "+Inf"), upto, strict=True):
                yield f"{self._name}_bucket{_labelled((*own, ('le', bound)))} {count}"
            yield f"{self._name}_sum{_labelled(own)} {_number(total)}"
            yield f"{self._name}_count{_labelled(own)} {upto[-1]}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is so just now, read when somebody asks."""

    name: str
    meaning: str
    values: Iterable[tuple[Mapping[str, str], float]]

    def lines(self) -> Iterator[str]:
        counts = self.name.endswith("_total")
        yield from _head(self.name, self.meaning, "counter" if counts else "gauge")
        for labels, value in self.values:
            yield f"{self.name}{_labelled(labels.items())} {_number(value)}"


def page(instruments: Iterable[Instrument]) -> str:
    return "".join(f"{line}\n" for instrument in instruments for line in instrument.lines())


def _room(known: Mapping[Labels, object], values: Labels) -> Labels:
    return values if len(known) < MOST else tuple(OTHER for _ in values)


def _head(name: str, meaning: str, type: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {type}"


def _labelled(pairs: Iterable[tuple[str, str]]) -> str:
    told = ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in pairs)
    return f"{{{told}}}" if told else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
