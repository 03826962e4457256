"""How a resource stands, in views: what the book knows of it, and why it is not ready.

Rules: pure; what is shown is what is known, and nothing secret is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.engine.book import Book
from reconciler.engine.diff import plain
from reconciler.engine.entry import Entry
from reconciler.engine.wishes import written
from reconciler.model import NODE_SOURCE, Case, Look, Override, Ref, Resource, Status, source_ref
from reconciler.ports.kinds import Kinds
from reconciler.runtime.present import api_version, of_condition, of_override

if TYPE_CHECKING:
    from reconciler.views import CauseView, OriginView, ResourceView, StatusView

MANAGERS = {  # by what a source's spec names
    "git": "git",
    "directory": "directory",
    "inbox": "api",
    "cluster": "operator",
}
DEEPEST = 32  # links of a chain of causes that anybody reads


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
    if want.spec is None and want.last is None:  # it has gone just now
        return {}
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
