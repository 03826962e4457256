"""What a node tells of itself to Prometheus: how it is just now, beside what was counted on the way.

Rules: read when somebody asks, so that it costs nothing while nobody does; no value of a label is a secret,
and each is a name that some manifest, driver or route of this node has.
"""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.engine.entry import Entry
from reconciler.figures import Instrument, Reading
from reconciler.runtime.daemon import Daemon
from reconciler.runtime.meter import Meter
from reconciler.runtime.parts import Parts

STATES = ("running", "degraded", "stalled", "stopping", "stopped")
FILES = {"main": "", "wal": "-wal"}


async def readings(node: Parts, daemon: Daemon, meter: Meter) -> list[Instrument]:
    """All that there is to tell, in the order in which it is written."""
    oldest, newest = await node.store.event_ids()
    return [
        *_node(daemon),
        *_process(),
        *_engine(node),
        node.engine.passes,
        node.drivers.calls,
        *_sources(node),
        *_store(node),
        node.store.commits,
        node.store.reads,
        *_events(node, oldest, newest),
        *_services(meter),
        *node.figures,
    ]


def _one(name: str, meaning: str, value: float) -> Reading:
    return Reading(f"holdfast_{name}", meaning, [({}, value)])


def _node(daemon: Daemon) -> Iterator[Reading]:
    state = daemon.state
    yield Reading("holdfast_info", "Which Holdfast this is.", [({"version": daemon.version}, 1)])
    states = [({"state": one}, float(one == state)) for one in STATES]
    yield Reading("holdfast_state", "1 for the state that the node is in.", states)
    yield _one("uptime_seconds", "Since the node was started.", daemon.uptime_s)
    up = "Share of the last 30 days, or since its first start, that the node was there."
    yield _one("availability_ratio", up, daemon.availability)
    yield _one("problems", "What keeps the node from being well, in number.", len(daemon.problems))
    for name, meaning, age in (
        ("last_pass_age_seconds", "Since the engine made its last pass.", daemon.last_pass_age_s),
        ("last_write_age_seconds", "Since the store took its last heartbeat.", daemon.last_heartbeat_age_s),
    ):
        yield _one(name, meaning, daemon.uptime_s if age is None else age)


def _process() -> Iterator[Reading]:
    """Under the names that all of Prometheus' own libraries give to them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    values = {
        "cpu_seconds_total": ("Processor time.", used.ru_utime + used.ru_stime),
        "resident_memory_bytes": ("Memory.", _resident()),
        "open_fds": ("Open files.", sum(1 for _ in Path("/proc/self/fd").iterdir())),
        "max_fds": ("Files that may be open.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
    for name, (meaning, value) in values.items():
        yield Reading(f"process_{name}", meaning, [({}, value)])


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _engine(node: Parts) -> Iterator[Reading]:
    standings = Counter((entry.ref.kind, _standing(entry)) for entry in node.engine.book)
    counted = [({"kind": kind, "state": state}, n) for (kind, state), n in sorted(standings.items())]
    yield Reading("holdfast_resources", "Resources, by how they stand.", counted)
    backlog = node.engine.backlog
    yield _one("reconcile_queue_depth", "Resources that are due and not worked on yet.", backlog.due)
    age = "How long the one has waited that is due the longest."
    yield _one("reconcile_queue_oldest_age_seconds", age, backlog.oldest_s)
    yield _one("reconcile_busy_workers", "Workers that are making a pass.", backlog.busy)
    yield _one("reconcile_workers", "Workers that there are.", node.settings.reconcile.workers)
    yield _one("overrides", "Timed words of people that are in force.", len(node.engine.overrides))


def _standing(entry: Entry) -> str:
    status = entry.judged
    if status is not None and status.stalled:
        return "stalled"
    return "ready" if status is not None and status.ready else "not_ready"


def _sources(node: Parts) -> Iterator[Reading]:
    states = node.sources.states()
    now = node.clock.now()
    failing = [({"source": one.config.name}, float(bool(one.error))) for one in states]
    yield Reading("holdfast_source_failing", "1: it cannot be fetched or read.", failing)
    held = [({"source": one.config.name}, float(bool(one.held))) for one in states]
    yield Reading("holdfast_source_held", "1: its newest revision is not in force.", held)
    wrong = [({"source": one.config.name}, len(one.problems)) for one in states]
    yield Reading("holdfast_source_manifest_errors", "Errors in its manifests.", wrong)
    deaf = [({"source": one.config.name}, float(bool(one.deaf))) for one in states]
    yield Reading("holdfast_source_unwatched", "1: nobody tells of its changes, so it is looked at.", deaf)
    ages = [
        ({"source": one.config.name}, max(0.0, (now - one.fetched_at).total_seconds()))
        for one in states
        if one.fetched_at is not None
    ]
    yield Reading("holdfast_source_fetch_age_seconds", "Since it was looked at last.", ages)


def _store(node: Parts) -> Iterator[Reading]:
    sizes = []
    for file, ending in FILES.items():
        with suppress(FileNotFoundError):
            path = node.settings.store
            sizes.append(({"file": file}, path.with_name(path.name + ending).stat().st_size))
    yield Reading("holdfast_store_size_bytes", "The store's files.", sizes)
    place = os.statvfs(node.settings.data)
    yield _one("data_free_bytes", "Room left where the data folder lies.", place.f_bavail * place.f_frsize)


def _events(node: Parts, oldest: int, newest: int) -> Iterator[Reading]:
    yield _one("events_total", "Events that were ever written.", newest)
    yield _one("events_kept", "Events that are kept.", newest - oldest + 1 if newest else 0)
    lags = node.store.lags()
    yield _one("event_readers", "Who follows the log of events.", len(lags))
    yield _one("event_lag", "How many events the slowest reader is behind.", max(lags, default=0))


def _services(meter: Meter) -> Iterator[Reading]:
    """As they were measured last: a scrape alone looks at no process."""
    found = [({"namespace": ref.namespace, "name": ref.name}, one.usage) for ref, one in meter.latest.items()]
    told: dict[str, tuple[str, Iterable[float]]] = {
        "cpu_seconds_total": ("Processor time since its start.", (used.cpu_s for _, used in found)),
        "memory_bytes": ("Memory of all of its processes.", (used.memory_bytes for _, used in found)),
        "processes": ("Its processes.", (used.processes for _, used in found)),
        "restarts_total": ("Restarts since it was made.", (used.restarts for _, used in found)),
    }
    for name, (meaning, values) in told.items():
        rows = list(zip((labels for labels, _ in found), values, strict=True))
        yield Reading(f"holdfast_service_{name}", meaning, rows)
