"""What the API answers and the command line reads: one shape for both, as plain JSON.

Rules: snake_case; times in ISO 8601, UTC; nothing secret gets in here. Typed dictionaries, so that
they cost nothing to make, and nothing to import for a command that only shows them.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class ConditionView(TypedDict):
    type: str  # Ready, Reconciling or Stalled
    status: str  # "True" | "False", as Kubernetes writes it
    reason: str  # one word for programs
    message: str  # the same for people
    last_transition_time: str  # since when it is so


class CauseView(TypedDict):
    """One link of the chain from a resource that is not ready down to the root of it."""

    ref: str  # which resource
    reason: str  # why it is not ready, in one word
    message: str  # the same for people
    depth: int  # 0 is what was asked about, 1 what it waits for


class StatusView(TypedDict):
    kind: str  # of the resource
    namespace: str  # of the resource
    name: str  # of the resource
    ref: str  # `kind/name`, as commands take it
    ready: bool  # it is as it is wanted, and does its work
    reason: str  # of the condition Ready
    message: str  # of the condition Ready
    conditions: list[ConditionView]  # as Kubernetes' kstatus reads them
    generation: int  # counts the changes of the wish
    observed_generation: int  # the wish that this status is about
    revision: str  # of the source, at which it was wanted last
    last_error: str  # of the last try; empty when it went well
    last_pass_age_s: float | None  # seconds since it was looked at; null: not yet
    waits_for: list[CauseView]  # the chain of causes below it


class OriginView(TypedDict):
    source: str  # the name of the source
    revision: str  # of the source
    file: str  # in the source
    line: int  # in the file
    managed_by: str  # git | directory | api | operator | node | nobody


class OverrideView(TypedDict):
    id: str  # of the override
    ref: str  # what it patches
    patch: dict[str, Any]  # the fields of the spec that it sets
    author: str  # who said so
    reason: str  # why, in their words
    created: str  # when it was said
    until: str | None  # when it ends by itself; null: never


class ResourceView(TypedDict):
    """A resource as `get -o json` shows it."""

    api_version: str  # of the manifest
    kind: str  # of the manifest
    metadata: dict[str, Any]  # name, namespace, labels and annotations
    spec: dict[str, Any] | None  # null: it is being removed
    status: StatusView  # how it stands
    origin: OriginView  # where it is declared
    columns: dict[str, str]  # what a list shows of this kind
    facts: dict[str, Any]  # what is known of it just now, and never compared
    overrides: list[OverrideView]  # the timed words of people on it


class ChangeView(TypedDict):
    path: list[str]  # of the field
    seen: Any  # what is there
    want: Any  # what is wanted
    recreates: bool  # it cannot be changed, only made anew


class DifferenceView(TypedDict):
    """What `diff` says of one resource."""

    ref: str  # which resource
    action: str  # add | change | recreate | remove | none, or foreign: not touched, and not counted
    changes: list[ChangeView]  # field by field
    reason: str  # why nothing can be done about it now, or why it is recreated
    place: str  # `file:line:column` of its manifest
    affects: list[str]  # what else restarts, waits or goes because of it
    wish: dict[str, Any]  # of what is added: its spec, as it was written


class PreviewView(TypedDict):
    differences: list[DifferenceView]  # what would change
    unchanged: int  # how many stay as they are
    adds: int  # how many would be made
    changes: int  # how many would be changed
    removes: int  # how many would be removed
    warnings: list[str]  # what speaks against it
    conflicts: list[str]  # what another source declares differently: `apply` refuses, a change there does it
    digest: str  # names exactly these changes: a saved preview applies only while it is the same


class PlannedView(TypedDict):
    at: str  # when it was recorded, before it was done
    generation: int  # of the wish
    changes: list[dict[str, Any]]  # field by field, secrets masked
    steps: list[dict[str, Any]]  # what was done about them


class EventView(TypedDict):
    id: int  # grows; the place to go on from
    timestamp: str  # when it happened
    event: str  # its name, as in `resource.ready`
    subject: dict[str, str] | None  # the resource that it is about: its `kind` and its ref as `id`
    data: dict[str, Any]  # what the event tells
    actor: str  # who asked for it; empty: the node by itself
    trace_id: str  # of the request that led to it
    request_id: str  # of the request that led to it


class RevisionView(TypedDict):
    revision: str  # its name in the source
    at: str  # when it was recorded
    outcome: str  # applied, ready, failed, rolled-back, held or refused
    message: str  # why


class SourceView(TypedDict):
    name: str  # of the source
    type: str  # directory, git or inbox
    location: str  # a folder or an address
    revision: str  # in force
    seen_revision: str  # the newest that was found
    fetched_at: str | None  # when it was looked at last with news
    applied_at: str | None  # when the revision in force was taken
    resources: int  # how many it declares
    error: str  # why it cannot be read just now
    held: str  # why the newest revision is not in force, in one word
    problems: list[str]  # what is wrong with it, each with its place
    notices: list[str]  # what was passed over, each with its place and why: no error
    signer: str  # whose signature was verified
    interval_s: float  # seconds from one look to the next
    branch: str  # of the repository; empty: its own choice
    paths: list[str]  # inside the source, later ones over earlier ones
    withheld: list[str]  # what it declares no more and stays, because the store was lost


class OperationView(TypedDict):
    id: str  # of the operation
    kind: str  # apply, delete, reconcile, push, override …
    actor: str  # who asked
    at: str  # when
    state: str  # running | done | failed
    refs: list[str]  # what it is about
    message: NotRequired[str]  # why it failed


class HookView(TypedDict):
    source: str  # that is fetched
    fetch: str  # now | soon: hooks that come within a second are answered by one fetch


class ApiKeyView(TypedDict):
    """An API key, without what it opens with."""

    id: str  # for good, whatever it is called
    name: str  # as who made it has called it
    ref: str  # `apikey/name`, as commands take it
    prefix: str  # how its secret begins
    permissions: list[Any]  # levels, roles, scopes; limited ones as objects
    enabled: bool  # false: it is refused
    created_at: str | None  # null: nobody has noted it
    expires_at: str | None  # it is refused from then on; null: never
    rotated_at: str | None  # the secret before this one is refused from then on
    last_used_at: str | None  # to the minute; null: not yet
    rate_limit: dict[str, Any] | None  # its own; null: that of the node's settings


class NewApiKeyView(ApiKeyView):
    """The same with its secret, which nobody can show again."""

    secret: str  # goes into `X-API-Key`, or after `Authorization: Bearer`


class TokenView(TypedDict):
    """What an API key was exchanged for, or a refresh token; nobody can show it again."""

    access_token: str  # goes after `Authorization: Bearer`
    token_type: str  # Bearer
    expires_in: int  # seconds that the access token counts
    refresh_token: str  # counts once, for the next two
    refresh_expires_in: int  # seconds that it counts


class JwksView(TypedDict):
    """The keys that tokens are signed with, to verify them elsewhere: a JSON Web Key Set."""

    keys: list[dict[str, str]]  # each with its `kid`, as a token names it


class MeView(TypedDict):
    """Who asks, as the node knows them."""

    actor: str  # as operations and events name it
    permissions: list[Any]  # levels, roles, scopes; limited ones as objects
    key: ApiKeyView | None  # that they came with, by itself or by a token; null: with none
    session: str | None  # of the token that they came with; null: with none
    expires_at: str | None  # that token's end


class KindView(TypedDict):
    name: str  # of the kind
    api_version: str  # that its manifests name
    columns: list[str]  # beside those that every kind has
    expands: bool  # it has parts
    lives: bool  # it needs a living node


class UsageView(TypedDict):
    """What a service used, all that it has started included."""

    at: str  # when it was measured
    cpu_percent: float | None  # of one processor; null: no time has passed
    cpu_percent_of_s: float  # the seconds before `at` that the share is of
    cpu_s: float  # seconds of processors since its start
    memory_bytes: int  # resident; what several processes share counts for each
    memory_peak_bytes: int  # the most that was measured since the row before
    processes: int  # how many it was
    restarts: int  # after ends that nobody asked for
    started_at: str  # since when it runs
    read_bytes: int | None  # from disks since its start; null: nobody can tell
    written_bytes: int | None  # to disks since its start; null: nobody can tell


class ServiceUsageView(TypedDict):
    """A service and what it uses just now."""

    ref: str  # of the service
    namespace: str  # of the service
    name: str  # of the service
    ready: bool  # it is as it is wanted, and does its work
    reason: str  # of the condition Ready
    used: UsageView | None  # null: it does not run


class AuditView(TypedDict):
    """One line of the audit trail: what somebody has asked for."""

    id: int  # of the event
    timestamp: str  # when it was asked for
    actor: str  # who has asked: `uid:0 root`, or an API key
    action: str  # what for: the event's name, such as `operation.apply`
    resource: list[str]  # about which resources
    result: str  # ok, or what it was refused for
    request_id: str  # of the request
    trace_id: str  # of the trace that it came with; empty: none
    address: str  # where it came from; empty: by the Unix socket, or from the node's own machine
    data: dict[str, Any]  # what else the event tells


class LogLineView(TypedDict):
    at: str  # when it was printed
    stream: str  # stdout | stderr
    text: str  # the line


class HealthView(TypedDict):
    status: str  # running | degraded | stalled | stopping
    version: str  # of Holdfast
    uptime_s: float  # seconds since the node was started
    last_pass_age_s: float | None  # seconds since the engine looked at anything; null: not yet
    last_heartbeat_age_s: float | None  # since the store was last seen to take a write
    problems: list[str]  # why it is not well, each with its place


class PartHealthView(TypedDict):
    """One thing that the node depends on."""

    status: str  # ok | degraded | failed
    latency_ms: float | None  # how long it took to answer, or what is due has waited; null: nothing to ask
    message: str  # what is wrong with it; empty: nothing


class FullHealthView(HealthView):
    """The node's health, part by part; who may not know the parts is told the whole."""

    parts: NotRequired[dict[str, PartHealthView]]  # engine, store, keeper, node, each `source/NAME`
    revisions: NotRequired[dict[str, str]]  # source -> its revision that is in force


class MachineView(TypedDict):
    processors: int  # of the machine
    load: list[float]  # mean over the last 1, 5 and 15 minutes
    memory_bytes: int  # of the machine
    memory_available_bytes: int  # that can be had without swapping
    disk_bytes: int  # where the data folder lies
    disk_free_bytes: int  # left there


class DaemonView(HealthView):
    """The node as a running thing."""

    node_id: str  # its own for ever
    pid: int  # of its process
    started_at: str  # when
    resources: int  # how many it takes care of
    listeners: dict[str, str]  # "public" -> "127.0.0.1:8081"
    warnings: list[str]  # what does not work while the node goes on


class StatsView(TypedDict):
    uptime_s: float  # seconds since the node was started
    memory_bytes: int  # resident
    cpu_s: float  # seconds of a processor that it has used
    resources: int  # how many it takes care of
    availability: float  # share of the last 30 days, or since its first start, that it was there
    availability_target: float  # what it should be at least
    oldest_event: int  # the id of the first event that is kept
    newest_event: int  # the id of the last event


class TimingView(TypedDict):
    """How long something took, each time since the node was started; quantiles are estimates."""

    count: int  # how often
    mean_ms: float  # on average
    p50_ms: float  # half of them took no longer
    p95_ms: float  # nineteen of twenty took no longer
    p99_ms: float  # ninety-nine of a hundred took no longer


class RouteTimingView(TimingView):
    """Requests to one route, until their answer begins."""

    method: str  # of the requests
    route: str  # the template of the path; none: what fits no route
    errors: int  # how many the node has failed (5xx)
    refused: int  # how many it has refused (4xx)
    unchanged: int  # how many were told that they have the answer already (304)


class QueryTimingView(TimingView):
    """One query of the store, as its callers wait for it."""

    query: str  # what is read; `commit`: what is written
    failed: int  # how many


class PerformanceView(TypedDict):
    """What requests and queries took."""

    uptime_s: float  # seconds that the figures are of
    requests: list[RouteTimingView]  # by route
    queries: list[QueryTimingView]  # by query


class OptimizationView(TypedDict):
    """Where time could be spared."""

    rule: str  # slow-route | low-cache-hit-rate | slow-query
    subject: str  # the route or the query
    figure: float  # what was measured: milliseconds, or a share
    bound: float  # what it should not be beyond
    message: str  # the same for people
    remedy: str  # what to do about it


class OptimizationsView(TypedDict):
    """All that the rules find in the figures."""

    uptime_s: float  # seconds that the figures are of
    suggestions: list[OptimizationView]  # rule by rule, the farthest beyond its bound first


class SystemView(TypedDict):
    """The machine, and the node on it."""

    machine: MachineView  # as its kernel tells
    process: StatsView  # the node's own
    resources: dict[str, dict[str, int]]  # kind -> how many are ready, not_ready, stalled


class RebuiltView(TypedDict):
    """The store was lost, and nobody has confirmed yet that what nothing declares may go."""

    at: str  # when
    reason: str  # what was wrong with it
    aside: str  # the damaged file, beside the new one
    withheld: list[str]  # what would be removed
    remedy: str  # the command that confirms it


class NodeView(TypedDict):
    """The whole node at a glance."""

    node_id: str  # its own for ever
    status: str  # running | degraded | stalled | stopping; where none runs: stopped
    version: str  # of Holdfast
    started_at: str  # when
    uptime_s: float  # seconds since the node was started
    last_pass_age_s: float | None  # seconds since the engine looked at anything; null: not yet
    resources: int  # how many it takes care of
    ready: int  # how many are ready
    not_ready: int  # how many are not, and may come to be
    stalled: int  # how many need a person
    kinds: dict[str, dict[str, int]]  # the same three counts for each kind
    sources: list[SourceView]  # where its wishes come from
    rebuilt: RebuiltView | None  # null, unless the store was lost
    problems: list[str]  # why it is not well, the warnings among it
    warnings: list[str]  # what does not work while the node goes on


class ProblemView(TypedDict):
    """RFC 9457, with the fields that the sources of this API promised."""

    type: str  # names the code
    title: str  # of the status
    status: int  # of the answer
    detail: str  # the cause and its place
    instance: str  # the path that was asked for
    code: str  # in one word, for programs
    message: str  # the same as `detail`
    timestamp: str  # when
    request_id: str  # under which the node's log says more
    remedy: NotRequired[str]  # what to do about it
    errors: NotRequired[list[dict[str, str]]]  # what is wrong in the request: `pointer`, `field`, `message`
    invalid_params: NotRequired[list[dict[str, str]]]  # the same as `errors`
    details: NotRequired[dict[str, Any]]  # more, by name
    limit: NotRequired[int]  # of what asked too much: how much it may
    remaining: NotRequired[int]  # how much is left
    reset_at: NotRequired[str]  # when there is enough again
    retry_after: NotRequired[int]  # the same in seconds from now
