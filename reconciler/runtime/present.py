"""Nouns become views. Pure: what is shown is what is known, and nothing secret is known here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.engine.preview import Difference, Preview
from reconciler.engine.told import described
from reconciler.engine.wishes import written
from reconciler.model import (
    API_VERSION,
    Condition,
    Event,
    Override,
)
from reconciler.ports.kind import Kind
from reconciler.ports.log_line import LogLine
from reconciler.ports.sources import SourceState, Submission
from reconciler.ports.store import Operation, Planned, Revision
from reconciler.runtime.claims import Clash

if TYPE_CHECKING:
    from reconciler.views import (
        AuditView,
        ConditionView,
        DifferenceView,
        EventView,
        KindView,
        LogLineView,
        OperationView,
        OverrideView,
        PlannedView,
        PreviewView,
        RevisionView,
        SourceView,
    )


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


def of_nothing(warning: str) -> PreviewView:
    """What changes no resource."""
    nothing = of_preview(Preview((), Submission(accepted=True)), ())
    return {**nothing, "warnings": [warning]}


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


def of_audited(event: Event) -> AuditView:
    data = dict(event.data)
    about = [str(event.subject)] if event.subject is not None else data.pop("refs", [])
    return {
        "id": event.id,
        "timestamp": stamp(event.at),
        "actor": event.actor,
        "action": event.name,
        "resource": list(about),
        "result": str(data.pop("result", "ok")),
        "request_id": event.request_id,
        "trace_id": event.trace_id,
        "address": str(data.pop("address", "")),
        "data": data,
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
        "notices": list(state.notices),
        "signer": state.signer,
        "interval_s": config.interval_s,
        "branch": config.branch,
        "paths": list(config.paths),
        "withheld": [str(ref) for ref in state.withheld],
    }
