"""Records to rows and back: the one place that knows how a noun lies in a table.

Rules: what a record holds is copied when it is encoded, so nobody can change it behind the store's back;
each row ends with a seal over its other columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from reconciler.model import EMPTY, Condition, Event, JsonValue, Need, Override, Ref, Status
from reconciler.ports.store import (
    Drop,
    EndOverride,
    Judged,
    Kept,
    Note,
    Operation,
    Planned,
    Remembered,
    Revision,
    Sampled,
    Write,
)
from reconciler.ports.usage import Usage
from reconciler.store.columns import Row, instant, json, mapping, moment, sealed, unsealed

BY_REF = ("inventory", "memory", "statuses")  # the tables that a Drop empties of a ref
NEEDS = {need.value: need for need in Need}


class Op(NamedTuple):
    """One row to be: put at its key, or taken away (`row` None); without a key it is appended."""

    table: str
    key: Row
    row: Any


def ops(write: Write) -> Iterator[Op]:
    """What a record does to the tables."""
    match write:
        case Kept() | Remembered() | Judged() | Sampled():
            yield _by_ref(write)
        case Drop(ref):
            yield from (Op(table, ref, None) for table in BY_REF)
        case Planned(ref, at, generation, changes, steps):
            yield Op("plans", (), sealed(*ref, moment(at), generation, json(changes), json(steps)))
        case Event():
            yield Op("events", (), _event_row(write))
        case Revision():
            yield from _revision(write)
        case Operation(id, kind, actor, at, state, data):
            yield Op("operations", (id,), sealed(id, kind, actor, moment(at), state, json(data)))
        case Override(id):
            yield Op("overrides", (id,), _override_row(write))
        case EndOverride(id):
            yield Op("overrides", (id,), None)
        case Note(key, value):
            yield Op("notes", (key,), None if value is None else sealed(key, json(value)))


def _by_ref(write: Kept | Remembered | Judged | Sampled) -> Op:
    ref = write.ref
    match write:
        case Kept():
            return Op("inventory", ref, _kept_row(write))
        case Remembered():
            return Op("memory", ref, sealed(*ref, json(write.memory)))
        case Judged():
            return Op("statuses", ref, _status_row(ref, write.status))
        case Sampled():
            return Op("service_metrics", (moment(write.at), *ref), _sampled_row(write))


def _kept_row(kept: Kept) -> Row:
    needs = [(*need, how.value) for need, how in kept.needs.items()]
    wish = json((kept.spec, kept.labels or {}, kept.annotations or {}, needs, kept.parent))
    doomed = int(kept.doomed)
    return sealed(*kept.ref, kept.source, kept.revision, kept.generation, doomed, kept.digest, wish)


def _status_row(ref: Ref, status: Status) -> Row:
    conditions = [(c.type, c.status, c.reason, c.message, moment(c.since)) for c in status.conditions]
    judged = json((conditions, sorted(need.value for need in status.reached), status.waits_for))
    generations = (status.generation, status.observed_generation)
    return sealed(*ref, *generations, status.revision, status.error, judged)


def _revision(write: Revision) -> Iterator[Op]:
    key = (write.source, write.revision)
    yield Op("revisions", key, sealed(*key, moment(write.at), write.outcome, write.message))
    if write.files is not None:
        yield Op("revision_files", key, {path: bytes(body) for path, body in write.files.items()})


def _override_row(override: Override) -> Row:
    until = None if override.until is None else moment(override.until)
    times = (moment(override.created), until)
    return sealed(override.id, *override.ref, json(override.patch), override.author, override.reason, *times)


def _sampled_row(sampled: Sampled) -> Row:
    used = sampled.usage
    return sealed(
        moment(sampled.at),
        *sampled.ref,
        moment(used.started_at),
        used.restarts,
        round(used.cpu_s * 1e6),
        used.memory_bytes,
        sampled.memory_peak_bytes,
        used.processes,
        used.read_bytes,
        used.written_bytes,
    )


def _event_row(event: Event) -> Row:
    subject = event.subject or (None, None, None)
    return sealed(
        event.name,
        moment(event.at),
        *subject,
        event.actor,
        event.request_id,
        event.trace_id,
        json(event.data),
    )


# ------------------------------------------------------------------------------------------- and back


def kept(row: Row) -> Kept:
    kind, namespace, name, source, revision, generation, doomed, digest, wish = unsealed("inventory", row)
    spec, labels, annotations, needs, parent = from_json(wish)
    return Kept(
        Ref(kind, namespace, name),
        spec,
        digest,
        generation,
        source,
        revision,
        labels or EMPTY,
        annotations or EMPTY,
        {Ref(*ref): NEEDS[how] for *ref, how in needs} if needs else EMPTY,
        Ref(*parent) if parent else None,
        bool(doomed),
    )


def memory(row: Row) -> tuple[Ref, Mapping[str, JsonValue]]:
    kind, namespace, name, facts = unsealed("memory", row)
    return Ref(kind, namespace, name), from_json(facts)


def status(row: Row) -> tuple[Ref, Status]:
    kind, namespace, name, generation, observed, revision, error, judged = unsealed("statuses", row)
    conditions, reached, waits_for = from_json(judged)
    return Ref(kind, namespace, name), Status(
        tuple(Condition(what, ok, reason, text, instant(at)) for what, ok, reason, text, at in conditions),
        generation,
        observed,
        revision,
        frozenset([NEEDS[need] for need in reached]),
        tuple(Ref(*ref) for ref in waits_for),
        error,
    )


def planned(row: Row) -> Planned:
    kind, namespace, name, at, generation, changes, steps = unsealed("plans", row)
    return Planned(
        Ref(kind, namespace, name),
        instant(at),
        generation,
        tuple(from_json(changes)),
        tuple(from_json(steps)),
    )


def event(id: int, row: Row) -> Event:
    name, at, kind, namespace, subject, actor, request_id, trace_id, data = unsealed("events", row)
    ref = None if kind is None else Ref(kind, namespace, subject)
    return Event(name, instant(at), ref, mapping(data), actor, request_id, trace_id, id)


def revision(row: Row) -> Revision:
    source, name, at, outcome, message = unsealed("revisions", row)
    return Revision(source, name, instant(at), outcome, message)


def operation(row: Row) -> Operation:
    key, kind, actor, at, state, data = unsealed("operations", row)
    return Operation(key, kind, actor, instant(at), state, mapping(data))


def sampled(row: Row) -> Sampled:
    at, kind, namespace, name, started_at, restarts, cpu, memory, peak, *rest = unsealed(
        "service_metrics", row
    )
    usage = Usage(instant(started_at), restarts, cpu / 1e6, memory, *rest)
    return Sampled(Ref(kind, namespace, name), instant(at), usage, peak)


def override(row: Row) -> Override:
    key, kind, namespace, name, patch, author, reason, created, until = unsealed("overrides", row)
    end = None if until is None else instant(until)
    return Override(key, Ref(kind, namespace, name), from_json(patch), author, reason, instant(created), end)


def note(row: Row) -> tuple[str, JsonValue]:
    key, value = unsealed("notes", row)
    return key, from_json(value)
