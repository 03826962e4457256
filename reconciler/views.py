"""What the API answers and the command line reads: one shape for both, as plain JSON.

Rules: snake_case; times in ISO 8601, UTC; nothing secret gets in here. Typed dictionaries, so that
they cost nothing to make, and nothing to import for a command that only shows them.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class ConditionView(TypedDict):
    type: str
    status: str  # "True" | "False", as Kubernetes writes it
    reason: str
    message: str
    last_transition_time: str


class CauseView(TypedDict):
    """One link of the chain from a resource that is not ready down to the root of it."""

    ref: str
    reason: str
    message: str
    depth: int


class StatusView(TypedDict):
    kind: str
    namespace: str
    name: str
    ref: str
    ready: bool
    reason: str
    message: str
    conditions: list[ConditionView]
    generation: int
    observed_generation: int
    revision: str
    last_error: str
    last_pass_age_s: float | None
    waits_for: list[CauseView]


class OriginView(TypedDict):
    source: str
    revision: str
    file: str
    line: int
    managed_by: str  # git | directory | api | node


class OverrideView(TypedDict):
    id: str
    ref: str
    patch: dict[str, Any]
    author: str
    reason: str
    created: str
    until: str | None


class ResourceView(TypedDict):
    """A resource as `get -o json` shows it."""

    api_version: str
    kind: str
    metadata: dict[str, Any]
    spec: dict[str, Any] | None  # None: it is being removed
    status: StatusView
    origin: OriginView
    columns: dict[str, str]
    facts: dict[str, Any]
    overrides: list[OverrideView]


class ChangeView(TypedDict):
    path: list[str]
    seen: Any
    want: Any
    recreates: bool


class DifferenceView(TypedDict):
    """What `diff` says of one resource."""

    ref: str
    action: str  # add | change | recreate | remove | none
    changes: list[ChangeView]
    reason: str  # why nothing can be done about it now, or why it is recreated
    place: str
    affects: list[str]  # what else restarts, waits or goes because of it


class PreviewView(TypedDict):
    differences: list[DifferenceView]
    unchanged: int
    adds: int
    changes: int
    removes: int
    warnings: list[str]
    conflicts: list[str]  # what another source declares differently: `apply` refuses, a change there does it
    digest: str  # names exactly these changes: a saved preview applies only while it is the same


class PlannedView(TypedDict):
    at: str
    generation: int
    changes: list[dict[str, Any]]
    steps: list[dict[str, Any]]


class EventView(TypedDict):
    id: int
    timestamp: str
    event: str
    subject: dict[str, str] | None
    data: dict[str, Any]
    actor: str
    trace_id: str
    request_id: str


class RevisionView(TypedDict):
    revision: str
    at: str
    outcome: str
    message: str


class SourceView(TypedDict):
    name: str
    type: str
    location: str
    revision: str
    seen_revision: str
    fetched_at: str | None
    applied_at: str | None
    resources: int
    error: str
    held: str
    problems: list[str]
    signer: str
    interval_s: float
    branch: str
    paths: list[str]
    withheld: list[str]  # what it declares no more and stays, because the store was lost


class OperationView(TypedDict):
    id: str
    kind: str
    actor: str
    at: str
    state: str  # running | done | failed
    refs: list[str]
    message: NotRequired[str]


class KindView(TypedDict):
    name: str
    api_version: str
    columns: list[str]  # beside those that every kind has
    expands: bool  # it has parts
    lives: bool  # it needs a living node


class LogLineView(TypedDict):
    at: str
    stream: str  # stdout | stderr
    text: str


class HealthView(TypedDict):
    status: str  # running | degraded | stalled | stopping
    version: str
    uptime_s: float
    last_pass_age_s: float | None
    last_heartbeat_age_s: float | None  # since the store was last seen to take a write
    problems: list[str]  # why it is not well, each with its place


class DaemonView(HealthView):
    """The node as a running thing."""

    node_id: str
    pid: int
    started_at: str
    resources: int
    listeners: dict[str, str]  # "public" -> "127.0.0.1:8081"
    warnings: list[str]


class StatsView(TypedDict):
    uptime_s: float
    memory_bytes: int
    cpu_s: float
    resources: int
    oldest_event: int
    newest_event: int


class RebuiltView(TypedDict):
    """The store was lost, and nobody has confirmed yet that what nothing declares may go."""

    at: str
    reason: str
    aside: str  # the damaged file, beside the new one
    withheld: list[str]  # what would be removed
    remedy: str


class NodeView(TypedDict):
    """The whole node at a glance."""

    node_id: str
    status: str  # running | degraded | stalled | stopping
    version: str
    started_at: str
    uptime_s: float
    last_pass_age_s: float | None
    resources: int
    ready: int
    not_ready: int
    stalled: int
    kinds: dict[str, dict[str, int]]
    sources: list[SourceView]
    rebuilt: RebuiltView | None
    problems: list[str]  # why it is not well, the warnings among it
    warnings: list[str]


class ProblemView(TypedDict):
    """RFC 9457, with the fields that the sources of this API promised."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    timestamp: str
    request_id: str
    remedy: NotRequired[str]
    errors: NotRequired[list[dict[str, str]]]
    invalid_params: NotRequired[list[dict[str, str]]]
    details: NotRequired[dict[str, Any]]
