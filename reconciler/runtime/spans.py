"""Spans on their way to a collector, as OTLP over HTTP in JSON.

Rules: only where the settings name a collector; a span that finds no room, or a collector that does not
answer, costs that span and nothing else: the node waits for neither.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from enum import IntEnum
from itertools import islice
from time import time_ns
from typing import TYPE_CHECKING, NamedTuple, Protocol

from reconciler import __version__
from reconciler.records import dataclass
from reconciler.within import Within

if TYPE_CHECKING:
    from reconciler.runtime.collector import Collector

PAUSE_S = 2.0
MOST = 4096
AT_ONCE = 512
FAILED = 2  # OTLP's number


class Sort(IntEnum):
    """What a span is of, by OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


@dataclass(frozen=True, slots=True)
class Span:
    within: Within
    sort: Sort
    name: str
    tags: Mapping[str, str]
    failed: bool = False
    links: tuple[Within, ...] = ()


class Ended(NamedTuple):
    span: Span
    began_ns: int
    ended_ns: int


class Warnings(Protocol):
    """Where it is told what does not work."""

    async def warn(self, about: str, cause: str, remedy: str) -> None: ...
    def settle(self, about: str) -> None: ...


class Spans:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._ended: deque[Ended] = deque(maxlen=MOST)

    @property
    def wanted(self) -> bool:
        return bool(self._endpoint)

    def ended(self, span: Span, took_s: float) -> None:
        """Just now."""
        now = time_ns()
        self._ended.append(Ended(span, now - int(took_s * 1e9), now))

    async def run(self, node_id: str, warnings: Warnings) -> None:
        """Send what there is, again and again."""
        from reconciler.runtime.collector import Collector  # most nodes never need it, and commands less

        with closing(Collector(self._endpoint)) as collector:
            await self._send(collector, node_id, warnings)

    async def _send(self, collector: Collector, node_id: str, warnings: Warnings) -> None:
        while True:
            await asyncio.sleep(PAUSE_S)
            while some := list(islice(self._ended, AT_ONCE)):
                for _ in some:
                    self._ended.popleft()
                try:
                    await asyncio.to_thread(collector.send, document(some, node_id))
                except OSError as error:
                    told = f"traces do not reach {self._endpoint}: {error}"
                    await warnings.warn("tracing", told, "see the setting `tracing.otlp_endpoint`")
                    break
                warnings.settle("tracing")


def document(ended: list[Ended], node_id: str) -> bytes:
    about = {"service.name": "holdfast", "service.version": __version__, "service.instance.id": node_id}
    scoped = {"scope": {"name": "holdfast"}, "spans": [_span(*one) for one in ended]}
    whole = {"resource": {"attributes": _attributes(about)}, "scopeSpans": [scoped]}
    return json.dumps({"resourceSpans": [whole]}).encode()


def _span(span: Span, began_ns: int, ended_ns: int) -> dict[str, object]:
    within = span.within
    request = {"request.id": within.request_id} if within.request_id else {}
    return {
        "traceId": within.trace_id,
        "spanId": within.span_id,
        "parentSpanId": within.parent_id,
        "name": span.name,
        "kind": span.sort.value,
        "startTimeUnixNano": str(began_ns),
        "endTimeUnixNano": str(ended_ns),
        "attributes": _attributes({**span.tags, **request}),
        "links": [{"traceId": one.trace_id, "spanId": one.span_id} for one in span.links],
        "status": {"code": FAILED} if span.failed else {},
    }


def _attributes(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
