"""What belongs to which trace: requests, the passes that they lead to, and what drivers do for either.

Rules: a pass belongs to the trace of the first that gave a reason for it, and links to the others; the
reasons for one that fails, or is not there yet, hold for the next one. A pass that nobody has asked for
begins a trace of its own, and is told only when it did something. No secret is in a span: it has the route,
and not the path that was asked for.
"""

from __future__ import annotations

from reconciler.model import Ref
from reconciler.runtime.spans import Sort, Span, Spans
from reconciler.within import WITHIN, Within, begun, below

MOST_REASONS = 8  # of one pass
FAILED, NOTHING_DONE = "failed", "unchanged"

Reasons = tuple[Within, ...]


class Tracing:
    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._reasons: dict[Ref, Reasons] = {}  # for the next pass
        self._passing: dict[Ref, Reasons] = {}

    def answered(self, method: str, route: str, status: str, took_s: float) -> None:
        """A request, within which this is called."""
        within = WITHIN.get()
        if within is not None and self._spans.wanted:
            tags = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            span = Span(within, Sort.SERVER, f"{method} {route}", tags, failed="5" <= status < "6")
            self._spans.ended(span, took_s)

    def called(self, took_s: float, driver: str, call: str, outcome: str) -> None:
        """A driver, for whatever this is called within."""
        within = WITHIN.get()
        if within is not None and self._spans.wanted:
            tags = {"holdfast.driver": driver, "holdfast.call": call}
            failed = outcome == FAILED
            self._spans.ended(Span(below(within), Sort.CLIENT, f"{driver}.{call}", tags, failed), took_s)

    # ------------------------------------------------------------------------------- what the engine tells

    def reason(self, ref: Ref) -> None:
        within = WITHIN.get()
        if within is not None:
            self._reasons[ref] = _joined(self._reasons.get(ref, ()), (within,))

    def begin(self, ref: Ref) -> None:
        if reasons := self._reasons.pop(ref, ()):
            self._passing[ref] = reasons
            WITHIN.set(below(reasons[0]))

    def end(self, ref: Ref, outcome: str, took_s: float, *, goes_on: bool) -> None:
        reasons, within = self._passing.pop(ref, ()), WITHIN.get()
        WITHIN.set(None)
        if goes_on and reasons:
            self._reasons[ref] = _joined(reasons, self._reasons.get(ref, ()))
        if self._spans.wanted and (reasons or outcome != NOTHING_DONE):
            tags = {"holdfast.kind": ref.kind, "holdfast.ref": str(ref), "holdfast.outcome": outcome}
            own = within or begun()
            span = Span(own, Sort.INTERNAL, f"pass {ref.kind}", tags, outcome == FAILED, reasons[1:])
            self._spans.ended(span, took_s)

    def ids(self) -> tuple[str, str]:
        within = WITHIN.get()
        return ("", "") if within is None else (within.request_id, within.trace_id)


def _joined(some: Reasons, more: Reasons) -> Reasons:
    return tuple(dict.fromkeys((*some, *more)))[:MOST_REASONS]
