"""Nouns become views. Pure: what is shown is what is known, and nothing secret is known here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.engine.book import Book
from reconciler.engine.diff import plain
from reconciler.engine.entry import Entry
from reconciler.engine.preview import Difference, Preview
from reconciler.engine.told import described
from reconciler.engine.wishes import written
from reconciler.model import (
    API_VERSION,
    NODE_SOURCE,
    Case,
    Condition,
    Event,
    Look,
    Override,
    Ref,
    Resource,
    Status,
    source_ref,
)
from reconciler.ports.kind import Kind
from reconciler.ports.kinds import Kinds
from reconciler.ports.log_line import LogLine
from reconciler.ports.sources import SourceState
from reconciler.ports.store import Operation, Planned, Revision
from reconciler.runtime.claims import Clash

if TYPE_CHECKING:
    from reconciler.views import (
        CauseView,
        ConditionView,
        DifferenceView,
        EventView,
        KindView,
        LogLineView,
        OperationView,
        OriginView,
        OverrideView,
        PlannedView,
        PreviewView,
        ResourceView,
        RevisionView,
        SourceView,
        StatusView,
    )

MANAGERS = {  # by what a source's spec names
    "git": "git",
    "directory": "directory",
    "inbox": "api",
    "cluster": "operator",
}
DEEPEST = 32  # links of a chain of causes that anybody reads


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def api_version(kind: str) -> str:
    """`Torrent` is ours; `Widget.example.com` is `example.com/v1`."""
    _, dot, group = kind.partition(".")
    return f"{group}/v1" if dot else API_VERSION


def of_condition(condition: Condition) -> ConditionView:
    return {
        "type": condition.type,
        "status": str(condition.status),
        "reason": condition.reason,
        "message": condition.message,
        "last_transition_time": stamp(condition.since),
    }


def causes(ref: Ref, book: Book) -> list[CauseView]:
    """From a resource that is not ready down to the root of it, each link once."""
    return list(_causes(ref, book, 0, set()))


def _causes(ref: Ref, book: Book, depth: int, told: set[Ref]) -> Iterator[CauseView]:
    if ref in told or depth > DEEPEST:
        return
    told.add(ref)
    entry = book.get(ref)
    if entry is None:
        yield {"ref": str(ref), "reason": "NotDeclared", "message": "nothing declares it", "depth": depth}
        return
    status = entry.judged
    ready = status.condition("Ready") if status is not None else None
    if status is None or ready is None:
        yield {"ref": str(ref), "reason": "Pending", "message": "not looked at yet", "depth": depth}
        return
    if ready.status:
        return
    yield {"ref": str(ref), "reason": ready.reason, "message": ready.message, "depth": depth}
    for other in (*status.waits_for, *book.parts(ref)):
        yield from _causes(other, book, depth + 1, told)


def of_status(entry: Entry, book: Book, monotonic: float) -> StatusView:
    observed = entry.status.observed_generation if entry.status is not None else 0
    status = entry.judged or Status((), entry.generation, observed, "")
    ready = status.condition("Ready")
    return {
        "kind": entry.ref.kind,
        "namespace": entry.ref.namespace,
        "name": entry.ref.name,
        "ref": str(entry.ref),
        "ready": status.ready,
        "reason": ready.reason if ready is not None else "Pending",
        "message": ready.message if ready is not None else "not looked at yet",
        "conditions": [of_condition(condition) for condition in status.conditions],
        "generation": entry.generation,
        "observed_generation": status.observed_generation,
        "revision": status.revision,
        "last_error": status.error,
        "last_pass_age_s": round(monotonic - entry.passed, 3) if entry.passed else None,
        "waits_for": causes(entry.ref, book)[1:],
    }


def of_resource(
    entry: Entry, book: Book, kinds: Kinds, overrides: tuple[Override, ...], monotonic: float
) -> ResourceView:
    want = book.standing(entry.ref) or book.resource(entry.ref)
    return {
        "api_version": api_version(entry.ref.kind),
        "kind": entry.ref.kind.partition(".")[0],
        "metadata": {
            "name": entry.ref.name,
            "namespace": entry.ref.namespace,
            "labels": dict(want.labels),
            "annotations": dict(want.annotations),
        },
        "spec": written(want.spec) if want.spec is not None else None,
        "status": of_status(entry, book, monotonic),
        "origin": of_origin(want, book),
        "columns": columns(entry, book, kinds),
        "facts": plain(entry.seen.facts) if entry.seen is not None else {},
        "overrides": [of_override(o) for o in overrides if o.ref == entry.ref],
    }


def columns(entry: Entry, book: Book, kinds: Kinds) -> dict[str, str]:
    shown = kinds[entry.ref.kind].columns
    if not shown or entry.seen is None:
        return {}
    want = book.resource(entry.ref)
    looks: Mapping[Ref, Look] = book.look(want)
    case: Case[Any, Any] = Case(want, entry.seen, looks, entry.memory)
    return {name: column(case) for name, column in shown.items()}


def of_origin(want: Resource[Any], book: Book) -> OriginView:
    origin = want.origin
    return {
        "source": origin.source,
        "revision": origin.revision,
        "file": origin.file,
        "line": origin.line,
        "managed_by": managed_by(origin.source, book),
    }


def managed_by(source: str, book: Book) -> str:
    """Who writes it: git, a directory, the API (its inbox), the operator (a cluster), the node, or nobody."""
    if source == NODE_SOURCE:
        return "node"
    ref = source_ref(source)
    declared = book.standing(ref)
    spec = declared.spec if declared is not None else None
    return next(
        (word for field, word in MANAGERS.items() if getattr(spec, field, None) is not None), "nobody"
    )


def of_override(override: Override) -> OverrideView:
    return {
        "id": override.id,
        "ref": str(override.ref),
        "patch": dict(override.patch),
        "author": override.author,
        "reason": override.reason,
        "created": stamp(override.created),
        "until": stamp(override.until) if override.until is not None else None,
    }


def of_preview(preview: Preview, clashes: Sequence[Clash]) -> PreviewView:
    differences = [_of_difference(one) for one in preview.differences if one.action != "none"]
    actions = [one.action for one in preview.differences]
    answer = preview.submission
    return {
        "differences": differences,
        "unchanged": actions.count("none"),
        "adds": actions.count("add"),
        "changes": actions.count("change") + actions.count("recreate"),
        "removes": actions.count("remove"),
        "warnings": [*([] if answer.accepted else [f"{answer.reason}: {answer.message}"]), *answer.clashes],
        "conflicts": [str(clash) for clash in clashes],
        "digest": preview.digest,
    }


def _of_difference(one: Difference) -> DifferenceView:
    return {
        "ref": str(one.ref),
        "action": one.action,
        "changes": [described(change) for change in one.changes],  # type: ignore[misc] # a plain view of it
        "reason": one.reason,
        "place": str(one.place) if one.place is not None else "",
        "affects": [str(ref) for ref in one.affects],
        "wish": written(one.wish) if one.wish is not None else {},
    }


def of_planned(planned: Planned) -> PlannedView:
    return {
        "at": stamp(planned.at),
        "generation": planned.generation,
        "changes": [dict(change) for change in planned.changes],
        "steps": [dict(step) for step in planned.steps],
    }


def of_event(event: Event) -> EventView:
    subject = event.subject
    return {
        "id": event.id,
        "timestamp": stamp(event.at),
        "event": event.name,
        "subject": {"kind": subject.kind, "id": str(subject)} if subject is not None else None,
        "data": dict(event.data),
        "actor": event.actor,
        "trace_id": event.trace_id,
        "request_id": event.request_id,
    }


def of_revision(revision: Revision) -> RevisionView:
    return {
        "revision": revision.revision,
        "at": stamp(revision.at),
        "outcome": revision.outcome,
        "message": revision.message,
    }


def of_operation(operation: Operation) -> OperationView:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "actor": operation.actor,
        "at": stamp(operation.at),
        "state": operation.state,
        "refs": list(operation.data.get("refs", [])),
    }


def of_kind(name: str, kind: Kind[Any, Any, Any, Any]) -> KindView:
    return {
        "name": name,
        "api_version": api_version(name),
        "columns": list(kind.columns),
        "expands": kind.expands,
        "lives": kind.lives,
    }


def of_log_line(line: LogLine) -> LogLineView:
    return {"at": stamp(line.at), "stream": line.stream, "text": line.text}


def of_source(name: str, state: SourceState) -> SourceView:
    config = state.config
    return {
        "name": name,
        "type": config.type,
        "location": config.location,
        "revision": state.revision,
        "seen_revision": state.seen_revision,
        "fetched_at": stamp(state.fetched_at) if state.fetched_at is not None else None,
        "applied_at": stamp(state.applied_at) if state.applied_at is not None else None,
        "resources": state.resources,
        "error": state.error,
        "held": state.held,
        "problems": list(state.problems),
        "signer": state.signer,
        "interval_s": config.interval_s,
        "branch": config.branch,
        "paths": list(config.paths),
        "withheld": [str(ref) for ref in state.withheld],
    }
