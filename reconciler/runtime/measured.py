"""What services used becomes views. Pure.

Rules: the share of a processor is that of the time between two measurements of one life; where there is no
earlier one, of all the time since the start. A view says of how many seconds its share is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.engine.entry import Entry
from reconciler.ports.store import Sampled
from reconciler.runtime.present import stamp

if TYPE_CHECKING:
    from reconciler.views import ServiceUsageView, UsageView


def of_service(entry: Entry, latest: Sampled | None, before: Sampled | None) -> ServiceUsageView:
    status = entry.judged
    ready = status.condition("Ready") if status is not None else None
    return {
        "ref": str(entry.ref),
        "namespace": entry.ref.namespace,
        "name": entry.ref.name,
        "ready": status is not None and status.ready,
        "reason": ready.reason if ready is not None else "Pending",
        "used": of_sample(latest, before) if latest is not None else None,
    }


def of_series(samples: Sequence[Sampled], after: datetime | None) -> list[UsageView]:
    """Those after this moment; the one at it, if it is there, tells how much the first of them has used."""
    befores = (None, *samples)
    pairs = zip(samples, befores, strict=False)
    return [of_sample(one, before) for one, before in pairs if after is None or one.at > after]


def of_sample(one: Sampled, before: Sampled | None) -> UsageView:
    used, since, cpu_s = one.usage, one.usage.started_at, one.usage.cpu_s
    if before is not None and before.usage.started_at == since:
        # What a child had used is not to be had back once nobody of its family has waited for it.
        since, cpu_s = before.at, max(cpu_s - before.usage.cpu_s, 0.0)
    over_s = (one.at - since).total_seconds()
    return {
        "at": stamp(one.at),
        "cpu_percent": round(100 * cpu_s / over_s, 2) if over_s > 0 else None,
        "cpu_percent_of_s": round(over_s, 3),
        "cpu_s": round(used.cpu_s, 3),
        "memory_bytes": used.memory_bytes,
        "memory_peak_bytes": one.memory_peak_bytes,
        "processes": used.processes,
        "restarts": used.restarts,
        "started_at": stamp(used.started_at),
        "read_bytes": used.read_bytes,
        "written_bytes": used.written_bytes,
    }
