"""Every door of the house, as a Protocol: what a kind is, and what the outside world must offer.

Rules: a port speaks in the nouns of `model`; a driver implements one port and has a Fake that keeps
the same contract; nobody but the runtime knows which driver stands behind a port.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from reconciler.errors import Invalid
from reconciler.model import (
    DEFAULT_NAMESPACE,
    EMPTY,
    A,
    Case,
    Change,
    Event,
    JsonValue,
    Need,
    Override,
    Plan,
    PublicKey,
    Ref,
    Resource,
    S,
    Seen,
    Spec,
    Status,
    T,
    Tree,
    Verdict,
)
from reconciler.records import dataclass

U = TypeVar("U")

Wake = Callable[[Ref | None], None]
"""Tells the engine to look at a ref again; None: at all of this kind, since its driver has recovered."""


class Kind(ABC, Generic[S, T, A, U]):
    """One kind of declared thing. `settle`, `plan` and `verdict` are pure; `act` alone changes the world."""

    spec: ClassVar[type[Any]]
    """The model of what a person writes."""
    uses: ClassVar[type[Any]]
    """A frozen dataclass whose fields are the ports that this kind needs."""
    columns: ClassVar[Mapping[str, Callable[[Case[Any, Any]], str]]] = EMPTY
    """What a list shows of it, beside the columns that every kind has."""
    expands: ClassVar[bool] = False
    """It has parts."""
    lives: ClassVar[bool] = False
    """It needs a living node: a command without one records the wish and acts on nothing."""
    suspends: ClassVar[bool] = False
    """It carries out `suspend` itself, so a suspended wish is acted upon like any other."""

    def needs(self, spec: S, ref: Ref) -> Mapping[Ref, Need]:
        """The needs that the spec implies, beside `dependsOn`."""
        return EMPTY

    def files(self, spec: S) -> tuple[str, ...]:
        """The relative paths that the spec refers to: a client sends them along with its manifests."""
        return ()

    def looks_at(self, want: Resource[S]) -> frozenset[Ref]:
        """The refs whose state the pure functions read; its needs, unless it says otherwise."""
        return frozenset(want.needs)

    def parts(self, want: Resource[S]) -> tuple[Resource[Any], ...]:
        """The resources that it expands into (a group: its services)."""
        return ()

    @abstractmethod
    async def observe(
        self, want: Resource[S], memory: Mapping[str, JsonValue], uses: U, *, fresh: bool
    ) -> Seen[T]:
        """Read reality. `fresh`: the reading is taken after this call began, from no mirror."""

    async def owned(self, uses: U) -> frozenset[Ref]:
        """What of ours really exists, by the marks it bears: asked after the store was lost."""
        return frozenset()

    @abstractmethod
    def settle(self, case: Case[S, T]) -> T | None:
        """The wish made concrete here and now: globs to files, `auto` to a port. Pure."""

    @abstractmethod
    def plan(self, case: Case[S, T], changes: Sequence[Change]) -> Plan[A]:
        """The steps that can be done now. Pure; an absent `case.want.spec` asks for removal."""

    @abstractmethod
    async def act(self, ref: Ref, step: A, uses: U) -> None:
        """Do one step, idempotently; the only place that resolves a secret."""

    async def release(self, ref: Ref, uses: U) -> None:
        """Take our mark off what stays behind as it is (`deletionPolicy: Orphan`), idempotently."""
        return

    def verdict(self, case: Case[S, T]) -> Verdict:
        """Converged: is it ready? Pure."""
        return Verdict()

    def log(
        self, ref: Ref, uses: U, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        """What it prints; most kinds print nothing."""
        raise Invalid(f"{ref} keeps no log", remedy="services do: `holdfast get service` lists them")

    def watch(self, uses: U, wake: Wake) -> None:
        """Subscribe to the drivers' events once, and wake the refs that they concern."""


class Kinds(Mapping[str, Kind[Any, Any, Any, Any]]):
    """The kinds that this node knows, by name; people may write a name in any case.

    Those of `later` are loaded when they are first asked for; what then cannot be is none of them.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind[Any, Any, Any, Any]] = EMPTY,
        later: Mapping[str, Callable[[], Kind[Any, Any, Any, Any]]] = EMPTY,
    ) -> None:
        self._kinds = dict(kinds)
        self._later = dict(later)
        self._canonical = {name.lower(): name for name in self}
        self.broken: dict[str, str] = {}  # what could not be loaded, and why

    def __getitem__(self, name: str) -> Kind[Any, Any, Any, Any]:
        kind = self._kinds.get(name)
        return kind if kind is not None else self._loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._kinds, *self._later))

    def __len__(self) -> int:
        return len(self._kinds) + len(self._later)

    def load(self) -> None:
        """Load all that is not loaded yet."""
        for name in tuple(self._later):
            with suppress(KeyError):
                self._loaded(name)

    def _loaded(self, name: str) -> Kind[Any, Any, Any, Any]:
        load = self._later.pop(name)
        try:
            kind = self._kinds[name] = load()
        except Exception as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            del self._canonical[name.lower()]
            raise KeyError(name) from error
        return kind

    def canonical(self, name: str) -> str:
        """The kind's own spelling of `key`, `KEY` or `keys`."""
        lower = name.lower()
        found = self._canonical.get(lower) or self._canonical.get(lower.removesuffix("s"))
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(lower, self._canonical, n=1)
            hint = (
                f"did you mean '{self._canonical[near[0]]}'?" if near else f"known: {', '.join(sorted(self))}"
            )
            raise Invalid(f"unknown kind '{name}', {hint}")
        return found

    def ref(self, text: str, namespace: str = DEFAULT_NAMESPACE) -> Ref:
        ref = Ref.parse(text, namespace)
        return ref._replace(kind=self.canonical(ref.kind))

    def needs(self, ref: Ref, spec: Spec) -> Mapping[Ref, Need]:
        """All that the spec needs: what `dependsOn` names, and what the kind implies."""
        implied = self[ref.kind].needs(spec, ref)
        if not spec.depends_on:
            return implied
        return {self.ref(text, ref.namespace): Need.READY for text in spec.depends_on} | dict(implied)


# ------------------------------------------------------------------------------------------- the store


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of the inventory: what was wanted last of something that is, or may be, really there."""

    ref: Ref
    spec: Mapping[str, JsonValue]  # as written, without defaults
    digest: str  # of spec, labels and annotations: tells whether the wish has moved
    generation: int
    source: str
    revision: str
    labels: Mapping[str, str] = EMPTY
    annotations: Mapping[str, str] = EMPTY
    needs: Mapping[Ref, Need] = EMPTY
    parent: Ref | None = None
    doomed: bool = False  # a tombstone: it goes away, and nothing needs to be asked again


@dataclass(frozen=True, slots=True)
class Drop:
    """Take a ref out of the inventory, its memory and status with it."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Remembered:
    """The whole memory of a ref, as it is from now on."""

    ref: Ref
    memory: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Judged:
    ref: Ref
    status: Status


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as it was recorded before it was acted on; secrets are masked already."""

    ref: Ref
    at: datetime
    generation: int
    changes: Sequence[Mapping[str, JsonValue]]
    steps: Sequence[Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a source, with what came of it."""

    source: str
    revision: str
    at: datetime
    outcome: str  # applied | ready | failed | rolled-back | held | refused
    message: str = ""
    files: Mapping[str, bytes] | None = None  # the contents, where the source cannot give them back


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a person or a client asked for, and how far it has come."""

    id: str
    kind: str  # apply | delete | reconcile | rollback | suspend ...
    actor: str
    at: datetime
    state: str  # running | done | failed
    data: Mapping[str, JsonValue] = EMPTY


@dataclass(frozen=True, slots=True)
class EndOverride:
    id: str


@dataclass(frozen=True, slots=True)
class Note:
    """A durable fact of the node itself: `heartbeat`, `rebuilt`, `root`. None forgets it."""

    key: str
    value: JsonValue


Write = (
    Kept | Drop | Remembered | Judged | Planned | Revision | Operation | Override | EndOverride | Note | Event
)


@dataclass(frozen=True, slots=True)
class Saved:
    """All that the engine needs to go on after a restart."""

    inventory: Mapping[Ref, Kept] = EMPTY
    memory: Mapping[Ref, Mapping[str, JsonValue]] = EMPTY
    statuses: Mapping[Ref, Status] = EMPTY
    overrides: Sequence[Override] = ()
    notes: Mapping[str, JsonValue] = EMPTY


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a reader wants; a field left empty takes all. `names` may end in `*`."""

    names: tuple[str, ...] = ()
    subject: Ref | None = None
    kind: str = ""
    since: datetime | None = None
    states: tuple[str, ...] = field(default=())


class Store(Protocol):
    """The durable memory of a node. One writer; a commit is durable when it returns."""

    async def load(self) -> Saved: ...
    async def commit(self, *writes: Write) -> None:
        """Write all or nothing, in this order. Concurrent callers share one transaction."""
        ...

    async def events(self, after: int, limit: int, only: EventFilter = ...) -> Sequence[Event]: ...
    async def event_ids(self) -> tuple[int, int]:
        """The oldest id that is kept, and the newest (0, 0 when there is none)."""
        ...

    def follow(self, after: int, only: EventFilter = ...) -> AsyncIterator[Event]:
        """The log from `after` on, then live, without end, without loss, without doubles."""
        ...

    async def plans(self, ref: Ref, limit: int) -> Sequence[Planned]:
        """The newest first."""
        ...

    async def revisions(self, source: str, limit: int) -> Sequence[Revision]:
        """The one that was recorded last first, without contents; recording one again moves it there."""
        ...

    async def revision_files(self, source: str, revision: str) -> Mapping[str, bytes]:
        """The contents that were recorded first with it; `NotFound` when none are kept."""
        ...

    async def operations(self, limit: int) -> Sequence[Operation]:
        """The newest first; one that goes on keeps its place."""
        ...

    async def operation(self, id: str) -> Operation | None: ...
    async def close(self) -> None: ...


# --------------------------------------------------------------------------------------- time and chance


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...


# ------------------------------------------------------------------------------------ secrets and keys


class Secrets(Protocol):
    """Values that other resources refer to. Only an act may resolve one."""

    def resolve(self, secret: Ref, key: str) -> str: ...
    def versions(self, secret: Ref) -> Mapping[str, str]:
        """Key -> keyed digest of its value: tells that a value has changed, and nothing else."""
        ...


class Standing(StrEnum):
    """Whose a key in the keystore is."""

    OURS = "ours"  # a resource declares it
    FOREIGN = "foreign"  # put there by hand
    ASIDE = "aside"  # its resource is deleted: in nobody's use, kept so that no private key is ever lost


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A pair that a rotation has replaced; it verifies what it signed, and signs no more."""

    public: PublicKey
    rotation: str  # the token that it was made for


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What the keystore tells of a key: all but its private part."""

    public: PublicKey
    role: str
    generated: bool
    rotation: str = ""  # the token that the latest pair was made for
    standing: Standing = Standing.OURS
    retired: tuple[RetiredKey, ...] = ()
    readable: bool = True  # the node's identity opens the private part

    @property
    def rotations(self) -> tuple[str, ...]:
        """All tokens that were done."""
        return (self.rotation, *(old.rotation for old in self.retired))


class Keys(Protocol):
    """The keys that the node holds or trusts. Each act is idempotent; only `destroy` loses a private key."""

    def get(self, key: Ref) -> KnownKey | None:
        """A key that a resource declares, to verify with; one set aside or foreign is trusted by nobody."""
        ...

    def look(self, key: Ref, *, fresh: bool = False) -> KnownKey | None:
        """Whatever lies there under this name: for the kind that takes care of it."""
        ...

    def refs(self) -> frozenset[Ref]:
        """Those that a resource of this node declares."""
        ...

    async def generate(self, key: Ref, role: str, rotation: str) -> None:
        """Make a pair for this token, unless it is there; one set aside under this name comes back."""
        ...

    async def trust(self, key: Ref, role: str, public: PublicKey) -> None: ...
    async def claim(self, key: Ref, role: str) -> None:
        """The key that is there is a resource's from now on, in this role."""
        ...

    async def set_aside(self, key: Ref) -> None: ...
    async def destroy(self, key: Ref) -> None: ...
    async def sign(self, key: Ref, message: bytes) -> bytes: ...
    async def private(self, key: Ref) -> str:
        """The private part as OpenSSH writes it, for a connection; only an act or a feed may ask."""
        ...


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """What the keystore tells of a secret: which values it holds, and none of them."""

    declared: Mapping[str, str]  # key -> SHA-256, in hex, of the ciphertext as it was declared
    readable: bool = True  # the node's identity opens the values


class SecretStore(Secrets, Protocol):
    """Where the values of secrets lie, encrypted to the node. Each act is idempotent."""

    def get(self, secret: Ref, *, fresh: bool = False) -> KnownSecret | None: ...
    def refs(self) -> frozenset[Ref]:
        """Those that a resource of this node declares."""
        ...

    async def put(self, secret: Ref, encrypted: Mapping[str, str]) -> None:
        """Hold exactly these values, all or none; refuse what the node cannot decrypt."""
        ...

    async def drop(self, secret: Ref) -> None: ...


# --------------------------------------------------------------------------------------------- sources


class OnInvalid(StrEnum):
    """What a revision with errors does."""

    HOLD = "hold"  # the whole revision waits
    PARTIAL = "partial"  # the broken documents keep their last good version, the others go on


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A source made concrete: the settled wish of a `Source`, and what a feed is built from."""

    name: str
    type: str  # directory | git | inbox | cluster
    location: str  # a folder, a git URL, or namespaces
    paths: tuple[str, ...] = (".",)  # inside it, in order: later ones overlay earlier ones
    branch: str = ""
    tag: str = ""
    commit: str = ""
    interval_s: float = 60.0
    on_invalid: OnInvalid = OnInvalid.HOLD
    on_failure: str = "keep"  # keep | rollback
    progress_deadline_s: float = 600.0
    substitute: Mapping[str, str] = EMPTY
    patches: tuple[Mapping[str, JsonValue], ...] = ()
    verify: Mapping[str, JsonValue] = EMPTY  # git: {mode: ssh|openpgp, keys: [...], file: ...}
    allow_force: bool = False  # git: history may be rewritten
    auth: Mapping[str, JsonValue] = EMPTY  # git: references to secrets, never their values
    hook: Mapping[str, JsonValue] = EMPTY  # git: whom to believe that something was pushed, by reference too
    hold: str = ""  # stay at this revision
    suspended: bool = False
    parent: str = ""  # the source that declares this one


@dataclass(frozen=True, slots=True)
class Fetched:
    """One revision of a source, ready to be read."""

    revision: str
    tree: Tree
    paths: Mapping[str, str]  # path -> content digest of every file of the tree (below the source's paths)
    at: datetime
    message: str = ""
    author: str = ""
    signer: str = ""  # whose signature was verified; empty when none was asked for
    allow_prune: bool = False  # it says by name that it may remove much
    deleted: frozenset[Ref] = frozenset()  # what a person has deleted one by one
    notices: tuple[str, ...] = ()  # what was passed over in the tree, and why: for people, no error


class Feed(Protocol):
    """One technology that a source's revisions come from."""

    async def changed(self) -> None:
        """Return when there may be something new: a watch, a poll, a push. May return too often."""
        ...

    def poke(self) -> None:
        """Let `changed` return at once."""
        ...

    async def latest(self, applied: str = "") -> Fetched:
        """The newest revision. `applied` is the one in force, if any: history is judged from there on."""
        ...

    async def at(self, revision: str) -> Fetched: ...
    async def collect(self, keep: Collection[str]) -> None:
        """Free what only other revisions than these need, such as folders that were exported."""
        ...

    async def discard(self) -> None:
        """Remove what was kept on disk for it: nobody follows it any more. It is closed already."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Submission:
    """The engine's answer to a snapshot."""

    accepted: bool
    reason: str = "Accepted"  # PruneBudget, StoreRebuilt, ...
    message: str = ""
    removes: tuple[Ref, ...] = ()
    clashes: tuple[str, ...] = ()  # refs that another source declares differently, each with both places


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far a source has come."""

    config: SourceConfig
    revision: str = ""  # applied
    seen_revision: str = ""  # the newest that was fetched
    fetched_at: datetime | None = None
    applied_at: datetime | None = None
    resources: int = 0
    error: str = ""  # why fetching or reading does not work just now
    held: str = ""  # why the newest revision is not applied: PruneBudget, Invalid, Unverified, Hold, Bad ...
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # what was passed over, and why: no error
    signer: str = ""
    withheld: tuple[Ref, ...] = ()  # what it declares no more and stays: the store was lost, nobody confirmed


class Sources(Protocol):
    """The node's sources, as the kind `Source` configures them."""

    async def configure(self, config: SourceConfig) -> None: ...
    async def remove(self, name: str) -> None: ...
    def state(self, name: str) -> SourceState | None: ...
    def names(self) -> frozenset[str]: ...
    def poke(self, name: str, *, allow_prune: bool = False) -> None:
        """Look now. `allow_prune`: what is found by this look may remove much."""
        ...

    def subscribe(self, changed: Callable[[str], None]) -> None: ...


# ------------------------------------------------------------------------------------------- processes


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Healthy when it exits with 0. Run in the process's own environment, folder and user."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """Healthy when it answers with a status from 200 to 399."""

    url: str


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Healthy when it accepts a connection."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Check:
    """How to tell that a process does its work, and how often to ask."""

    by: CommandCheck | HttpCheck | TcpCheck
    interval_s: float = 10.0
    timeout_s: float = 5.0
    retries: int = 3  # failures in a row until it counts as unhealthy
    start_period_s: float = 30.0  # failures before its end do not count


@dataclass(frozen=True, slots=True)
class Care:
    """How a process is looked after: all of it may change while the process goes on."""

    labels: Mapping[str, str] = EMPTY  # kept with the process: whose it is, and of which wish
    stop_signal: int = 15
    grace_s: float = 10.0
    log_bytes: int = 10 << 20  # of one file
    log_files: int = 5
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A supervised process to be: what is run, as whom, and how it is looked after."""

    id: str  # of the service; at most one process bears it at a time
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default=EMPTY, repr=False)  # all of it; may hold secrets
    cwd: str = ""  # empty: the root
    user: str = ""  # `name`, `name:group` or their numbers; empty: the node's own
    care: Care = Care()


class ProcessState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"  # by SIGSTOP: it is there and does nothing
    ENDING = "ending"  # told to end, or gone and what it left behind is not gone yet
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Process:
    """A supervised process as it is, or as it ended."""

    id: str
    pid: int
    state: ProcessState
    started_at: datetime
    care: Care = Care()
    exit_code: int | None = None
    signal: int | None = None  # that ended it; neither is known when nobody was there to see the end
    exited_at: datetime | None = None
    asked: bool = False  # to end, by `stop`
    restarts: int = 0  # starts after an end that nobody asked for


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    stream: str  # stdout | stderr
    text: str


class HealthState(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Health:
    state: HealthState = HealthState.STARTING
    failures: int = 0  # in a row
    message: str = ""  # of the last failure


class Processes(Protocol):
    """Processes that live on while the node does not. All errors are of `errors`."""

    def processes(self) -> Mapping[str, Process]:
        """All by id, from memory, as current as the last event. Raise Unavailable when nobody can know."""
        ...

    async def fresh(self) -> Mapping[str, Process]:
        """All by id, read after this call began."""
        ...

    async def start(self, run: Run) -> Process:
        """Run it, or answer with the one that runs under this id already, whatever it runs."""
        ...

    async def stop(self, id: str, signal: int, grace_s: float) -> None:
        """End it with all that descends from it, by force after the grace; return when all of it is gone."""
        ...

    async def tend(self, id: str, care: Care) -> None:
        """Look after it in this way from now on; the process itself is not touched."""
        ...

    async def resume(self, id: str) -> None:
        """Let go on what SIGSTOP stopped."""
        ...

    async def forget(self, id: str, *, logs: bool = False) -> None:
        """Drop what is known of one that has ended, and its logs if asked to."""
        ...

    def logs(
        self, id: str, *, tail: int | None = None, follow: bool = False, since: datetime | None = None
    ) -> AsyncIterator[LogLine]:
        """The last `tail` lines (None: all that are kept), then, if asked to follow, those to come."""
        ...

    def health(self, id: str) -> Health | None:
        """What its check says just now; None without one, or where nothing runs."""
        ...

    def subscribe(self, changed: Callable[[str | None], None]) -> None:
        """Call with the id whenever a process or its health has changed; may call too often.

        None: any may have, for `processes` knows again after it did not.
        """
        ...

    async def close(self) -> None:
        """Leave the processes as they are."""
        ...

    async def shutdown(self) -> None:
        """End every process, each with its own signal and grace, and who supervises them."""
        ...
