"""Spans on their way to a collector, as OTLP over HTTP in JSON.

Rules: only where the settings name a collector; a span that finds no room, or a collector that does not
answer, costs that span and nothing else: the node waits for neither. No secret is in a span: it has the
route, and not the path that was asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from itertools import islice
from time import time_ns
from typing import Protocol

from reconciler import __version__
from reconciler.records import dataclass
from reconciler.within import Within

PAUSE_S = 2.0
PATIENCE_S = 10.0
MOST = 4096
AT_ONCE = 512
SERVER, FAILED = 2, 2  # OTLP's numbers


@dataclass(frozen=True, slots=True)
class Span:
    within: Within
    name: str
    began_ns: int
    ended_ns: int
    tags: Mapping[str, str]
    failed: bool = False


class Warnings(Protocol):
    """Where it is told what does not work."""

    async def warn(self, about: str, cause: str, remedy: str) -> None: ...
    def settle(self, about: str) -> None: ...


class Tracing:
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._spans: deque[Span] = deque(maxlen=MOST)

    @property
    def wanted(self) -> bool:
        return bool(self._endpoint)

    def add(self, within: Within, name: str, took_s: float, tags: Mapping[str, str], *, failed: bool) -> None:
        """What has just ended."""
        if self.wanted:
            now = time_ns()
            self._spans.append(Span(within, name, now - int(took_s * 1e9), now, tags, failed))

    async def run(self, node_id: str, warnings: Warnings) -> None:
        """Send what there is, again and again."""
        while True:
            await asyncio.sleep(PAUSE_S)
            while spans := list(islice(self._spans, AT_ONCE)):
                for _ in spans:
                    self._spans.popleft()
                try:
                    await asyncio.to_thread(_send, self._endpoint, document(spans, node_id))
                except (OSError, ValueError) as error:
                    told = f"traces do not reach {self._endpoint}: {error}"
                    await warnings.warn("tracing", told, "see the setting `tracing.otlp_endpoint`")
                    break
                warnings.settle("tracing")


def document(spans: list[Span], node_id: str) -> bytes:
    about = {"service.name": "holdfast", "service.version": __version__, "service.instance.id": node_id}
    scoped = {"scope": {"name": "holdfast"}, "spans": [_span(span) for span in spans]}
    whole = {"resource": {"attributes": _attributes(about)}, "scopeSpans": [scoped]}
    return json.dumps({"resourceSpans": [whole]}).encode()


def _span(span: Span) -> dict[str, object]:
    within = span.within
    return {
        "traceId": within.trace_id,
        "spanId": within.span_id,
        "parentSpanId": within.parent_id,
        "name": span.name,
        "kind": SERVER,
        "startTimeUnixNano": str(span.began_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes({**span.tags, "request.id": within.request_id}),
        "status": {"code": FAILED} if span.failed else {},
    }


def _attributes(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _send(endpoint: str, body: bytes) -> None:
    if not endpoint.startswith(("http://", "https://")):
        raise ValueError("it is no http address")
    import urllib.request  # most nodes never need it, and commands less

    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(endpoint, body, headers, method="POST")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=PATIENCE_S):  # noqa: S310
        pass
