"""Counters and timings, and the text that they become."""

from __future__ import annotations

import pytest

from reconciler.figures import MOST, Counter, Reading, Timing, page

pytestmark = pytest.mark.req("OBS-04")


def test_a_counter_counts_by_its_labels() -> None:
    calls = Counter("calls_total", "Calls.", ("of",))
    assert page([calls]) == "# HELP calls_total Calls.\n# TYPE calls_total counter\n"
    calls.add("a")
    calls.add("a", by=2.5)
    calls.add('"b"\n\\')
    assert list(calls.lines())[2:] == ['calls_total{of="a"} 3.5', r'calls_total{of="\"b\"\n\\"} 1']


def test_a_counter_without_labels_begins_at_nothing() -> None:
    calls = Counter("calls_total", "Calls.")
    assert list(calls.lines())[2:] == ["calls_total 0"]
    calls.add()
    assert list(calls.lines())[2:] == ["calls_total 1"]


def test_a_timing_counts_each_duration_in_all_the_buckets_that_it_fits_into() -> None:
    took = Timing("took_seconds", "Time.", ("of",))
    for seconds in (0.001, 0.3, 20.0):
        took.add(seconds, "a")
    told = dict(line.rsplit(" ", 1) for line in list(took.lines())[2:])
    assert told['took_seconds_bucket{of="a",le="0.001"}'] == "1", "a bound belongs to its bucket"
    assert told['took_seconds_bucket{of="a",le="0.25"}'] == "1"
    assert told['took_seconds_bucket{of="a",le="0.5"}'] == "2"
    assert told['took_seconds_bucket{of="a",le="10"}'] == "2"
    assert told['took_seconds_bucket{of="a",le="+Inf"}'] == told['took_seconds_count{of="a"}'] == "3"
    assert float(told['took_seconds_sum{of="a"}']) == pytest.approx(20.301)


def test_what_fails_is_timed_too() -> None:
    took = Timing("took_seconds", "Time.", ("outcome",))
    with took.timed():
        pass
    with pytest.raises(ZeroDivisionError), took.timed():
        _ = 1 / 0
    counts = [line for line in took.lines() if line.startswith("took_seconds_count")]
    assert counts == ['took_seconds_count{outcome="ok"} 1', 'took_seconds_count{outcome="failed"} 1']


def test_no_label_grows_without_end() -> None:
    calls, took = Counter("calls_total", "Calls.", ("of",)), Timing("took_seconds", "Time.", ("of",))
    for n in range(MOST + 3):
        calls.add(str(n))
        took.add(1, str(n))
    assert list(calls.lines())[-1] == 'calls_total{of="other"} 3'
    assert list(took.lines())[-1] == 'took_seconds_count{of="other"} 3'
    calls.add("0")
    assert list(calls.lines())[2] == 'calls_total{of="0"} 2', "those that are known go on"


def test_a_reading_is_told_as_it_is_read() -> None:
    free = Reading("free_bytes", "Room.", [({}, 5.0), ({"of": "a"}, 0.5)])
    assert page([free]) == (
        '# HELP free_bytes Room.\n# TYPE free_bytes gauge\nfree_bytes 5\nfree_bytes{of="a"} 0.5\n'
    )
