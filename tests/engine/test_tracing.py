"""Which trace a pass belongs to: that of whoever gave a reason for it, until it is as it is to be."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.runtime.spans import Span, Spans
from reconciler.runtime.tracing import MOST_REASONS, Tracing
from reconciler.within import WITHIN, Within, begun
from tests.engine.virtual import House, snapshot, thing, virtual
from tests.simulation.thing import named

pytestmark = pytest.mark.req("OBS-19", "OBS-20")


class Collected(Spans):
    """Keeps them, and sends nothing."""

    def __init__(self) -> None:
        super().__init__("http://collector.example")
        self.spans: list[Span] = []

    def ended(self, span: Span, took_s: float) -> None:
        self.spans.append(span)

    def of(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.tags["holdfast.ref"] == f"thing/{name}"]


def house_with(spans: Spans) -> House:
    return House(tracer=Tracing(spans))


def asks(trace: str) -> Within:
    """From now on, on behalf of this request."""
    within = begun(f"req-{trace}", trace * 32)
    WITHIN.set(within)
    return within


@virtual
async def test_a_pass_is_below_what_asked_for_it_and_links_to_the_others() -> None:
    spans = Collected()
    house = house_with(spans)
    engine = await house.start()
    one = asks("a")
    await engine.submit(snapshot({"x": thing(value=1)}))
    other = asks("b")
    engine.request(named("x"))
    engine.request(named("x"))
    await house.settled()
    first, *more = spans.of("x")
    assert (first.within.trace_id, first.within.parent_id) == (one.trace_id, one.span_id)
    assert first.links == (other,)
    assert first.tags["holdfast.outcome"] == "acted"
    assert not more, "a look that nobody asked for, and that changed nothing"


@virtual
async def test_tries_go_on_in_the_trace_until_one_does_not_fail() -> None:
    spans = Collected()
    house = house_with(spans)
    engine = await house.start()
    house.store.open = False
    asks("a")
    house.store.open = True
    await engine.submit(snapshot({"x": thing(value=1)}))
    house.store.open = False
    await asyncio.sleep(1)
    house.store.open = True
    await house.settled()
    outcomes = [span.tags["holdfast.outcome"] for span in spans.of("x")]
    assert len(outcomes) > 2
    assert set(outcomes[:-1]) == {"failed"}
    assert all(span.failed for span in spans.of("x")[:-1])
    assert outcomes[-1] in {"acted", "unchanged"}
    assert {span.within.trace_id for span in spans.of("x")} == {"a" * 32}


@virtual
async def test_what_the_node_does_by_itself_is_a_trace_of_its_own() -> None:
    spans = Collected()
    house = house_with(spans)
    engine = await house.start()
    await engine.submit(snapshot({"x": thing(value=1)}))
    await house.settled()
    house.outside.outsider_alters(named("x"), 9)
    await house.settled()
    assert [span.tags["holdfast.outcome"] for span in spans.of("x")] == ["acted", "acted"]
    made, mended = (span.within for span in spans.of("x"))
    assert made.trace_id != mended.trace_id
    assert (made.parent_id, made.request_id) == ("", "")


@virtual
async def test_whoever_asks_without_end_is_not_remembered_without_end() -> None:
    spans = Collected()
    house = house_with(spans)
    engine = await house.start()
    await engine.submit(snapshot({"x": thing(value=1)}))
    for letter in "0123456789abcdef" * 2:
        asks(letter)
        engine.request(named("x"))
    await house.settled()
    assert len(spans.of("x")[0].links) == MOST_REASONS - 1


@virtual
async def test_without_a_collector_events_bear_the_request_all_the_same() -> None:
    house = House(tracer=Tracing(Spans("")))
    engine = await house.start()
    within = asks("a")
    await engine.submit(snapshot({"x": thing(value=1)}))
    await house.settled()
    told = [event for event in await house.events() if event.subject == named("x")]
    assert {(event.trace_id, event.request_id) for event in told} == {(within.trace_id, within.request_id)}
