"""The nouns: what the rest of the house speaks about. No I/O and no clock in here.

Rules: everything is frozen; what a person writes (`Spec`) is a pydantic model, what flows inside is
a dataclass; a secret's value never enters any of these, only its reference and a keyed digest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, KeysView, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, NamedTuple, Never, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from reconciler.errors import Invalid, Place
from reconciler.records import dataclass
from reconciler.ref_text import DEFAULT_NAMESPACE, parted

JsonValue = Any  # str, int, float, bool, None, and lists and dicts of these


NO_KEYS: Final[KeysView[Any]] = {}.keys()


class _Empty(Mapping[Any, Any]):
    """A mapping of nothing: hashable, as dataclasses ask of a default (`MappingProxyType`: from 3.12 on)."""

    __slots__ = ()

    def __getitem__(self, key: object) -> Never:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def keys(self) -> KeysView[Any]:
        return NO_KEYS  # `{**EMPTY}` asks for them, once or twice for every resource

    def __hash__(self) -> int:
        return hash(())

    def __repr__(self) -> str:
        return "{}"


EMPTY: Mapping[Any, Any] = _Empty()

API_GROUP = "holdfast.dev"
API_VERSION = f"{API_GROUP}/v1"


class Ref(NamedTuple):
    """The identity of a declared thing. A plug-in's kind carries its group: `Widget.example.com`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = self.kind.lower()
        if self.namespace == DEFAULT_NAMESPACE:
            return f"{kind}/{self.name}"
        return f"{kind}/{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str, namespace: str = DEFAULT_NAMESPACE) -> Ref:
        """Read `kind/name` or `kind/namespace/name`; the kind stays as it is written."""
        return cls(*parted(text, namespace))


SOURCE_KIND = "Source"
NODE_SOURCE = "node"  # the built-in source: what the node's own settings declare


def source_name(ref: Ref) -> str:
    """The name by which the resources of a `Source` know it."""
    return ref.name if ref.namespace == DEFAULT_NAMESPACE else f"{ref.namespace}/{ref.name}"


def source_ref(name: str) -> Ref:
    """The `Source` behind a source's name."""
    namespace, slash, own = name.rpartition("/")
    return Ref(SOURCE_KIND, namespace if slash else DEFAULT_NAMESPACE, own)


class Need(StrEnum):
    """How far another resource must have come before this one may act."""

    READY = "ready"
    STARTED = "started"
    HEALTHY = "healthy"
    COMPLETED = "completed"


class DeletionPolicy(StrEnum):
    """What happens to the real thing when its wish goes away."""

    DELETE = "Delete"
    ORPHAN = "Orphan"
    DELETE_DATA = "DeleteData"


class Part(BaseModel):
    """A piece of what a person writes. What stands below a field is its documentation (`docstrings`).

    Built when it is first used: a command imports every kind, and most of them need few.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, defer_build=True)


class Spec(Part):
    """A wish: the fields that every kind has; each kind adds its own.

    They live in the spec, not in the metadata, because a Kubernetes custom resource must be able to
    carry them too.
    """

    depends_on: tuple[str, ...] = ()
    """Other resources, as `kind/name` or `kind/namespace/name`, that must be Ready before this one acts."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What happens when the wish goes away: `Delete` the real thing, `Orphan` it (leave it as it is, no
    longer ours: declared again, it needs `adopt: true`), or `DeleteData` (delete it and the data that
    belongs to it)."""
    adopt: bool = False
    """Take over a real thing of this identity that Holdfast did not make."""
    suspend: bool = False
    """Observe and report, but act on nothing."""


class Tree(Protocol):
    """The files around a manifest, at one revision."""

    def read(self, path: str) -> bytes: ...
    def digest(self, path: str) -> str: ...
    def folder(self, path: str) -> str:
        """A real folder on disk that holds `path` (exported on demand where the tree is not one)."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a wish stands."""

    source: str  # the name of the Source that declares it: "root", "inbox", ...
    revision: str = ""
    file: str = ""
    line: int = 1
    tree: Tree | None = field(default=None, compare=False, repr=False)

    @property
    def place(self) -> Place:
        return Place(self.file or self.source, self.line, 1)

    def __str__(self) -> str:
        """What was read by an earlier process is known by its source alone."""
        return f"at {self.place} (source {self.source})" if self.file else f"in source {self.source}"


S = TypeVar("S", bound=Spec)
T = TypeVar("T")
A = TypeVar("A", bound="Step")


@dataclass(frozen=True, slots=True)
class Resource(Generic[S]):
    """The declared thing. `spec` None: it is wished gone, and `last` says what was wanted."""

    ref: Ref
    spec: S | None
    origin: Origin
    last: S | None = None
    labels: Mapping[str, str] = EMPTY
    annotations: Mapping[str, str] = EMPTY
    needs: Mapping[Ref, Need] = EMPTY
    parent: Ref | None = None  # the resource that it is a part of

    @property
    def wish(self) -> S:
        """The spec in force, or for something that is to go the one that was."""
        spec = self.spec if self.spec is not None else self.last
        if spec is None:
            raise Invalid(f"{self.ref} has neither a wish nor a last one")
        return spec

    def in_tree(self, tree: Tree | None) -> Resource[S]:
        """The same, whose relative paths resolve there; written out, for it is done to thousands."""
        at = self.origin
        origin = Origin(at.source, at.revision, at.file, at.line, tree)
        meta = (self.labels, self.annotations, self.needs, self.parent)
        return Resource(self.ref, self.spec, origin, self.last, *meta)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one source declares at one revision."""

    source: str
    revision: str
    resources: Mapping[Ref, Resource[Any]]
    problems: tuple[Exception, ...] = ()  # what could not be read; with any, nothing is pruned
    notices: tuple[str, ...] = ()  # what was passed over, and why: for people, no error
    allow_prune: bool = False  # this revision says by name that it may remove much
    deleted: frozenset[Ref] = frozenset()  # a person has deleted just these: no budget asks about them again
    message: str = ""
    unspelled: tuple[str, ...] = ()  # sources that it declares, though `resources` does not spell them out


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """RFC 7386: mappings merge, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


@dataclass(frozen=True, slots=True)
class Override:
    """A person's timed patch on a wish. `until` None: until it is taken back."""

    id: str
    ref: Ref
    patch: Mapping[str, JsonValue]  # RFC 7386, on the spec as it is written
    author: str
    reason: str
    created: datetime
    until: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        return self.until is None or now < self.until


class Owner(StrEnum):
    OURS = "ours"
    FOREIGN = "foreign"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """Reality, in the words of the settled wish."""

    actual: T | None  # None: absent
    owner: Owner
    at: datetime  # when it was read: the only clock that a plan may know
    inputs: Mapping[str, str] = EMPTY  # keyed digests of files, images, secrets that feed it
    facts: Mapping[str, JsonValue] = EMPTY  # progress, peers, uptime: for status, never compared


@dataclass(frozen=True, slots=True)
class Condition:
    type: str  # Ready, Reconciling, Stalled
    status: bool
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """The judged outcome, kstatus-compatible: `Reconciling` and `Stalled` are there only while true."""

    conditions: tuple[Condition, ...]
    generation: int
    observed_generation: int
    revision: str
    reached: frozenset[Need] = frozenset()
    waits_for: tuple[Ref, ...] = ()
    error: str = ""

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == kind), None)

    @property
    def ready(self) -> bool:
        found = self.condition("Ready")
        return found is not None and found.status

    @property
    def stalled(self) -> bool:
        return self.condition("Stalled") is not None

    def meets(self, need: Need) -> bool:
        return self.ready if need is Need.READY else need in self.reached


@dataclass(frozen=True, slots=True)
class Look:
    """What a resource may know of another one that it named."""

    want: Resource[Any] | None
    seen: Seen[Any] | None
    status: Status | None


@dataclass(frozen=True, slots=True)
class Case(Generic[S, T]):
    """All that the pure functions of a kind may know."""

    want: Resource[S]
    seen: Seen[T]
    look: Mapping[Ref, Look] = EMPTY
    memory: Mapping[str, JsonValue] = EMPTY  # its durable facts: tokens done, ports given, sequences


RECREATES: Mapping[str, bool] = MappingProxyType({"recreates": True})
"""Metadata of a field of a settled wish: a difference in it forces a recreate."""
SECRET: Mapping[str, bool] = MappingProxyType({"secret": True})
"""Metadata of a field whose values are masked wherever a difference is shown."""


class Change(NamedTuple):
    """One field in which settled and seen differ. The path `()` means the whole: made or removed."""

    path: tuple[str, ...]
    seen: JsonValue
    want: JsonValue
    recreates: bool = False
    secret: bool = False


@dataclasses.dataclass(frozen=True, slots=True)  # the standard one, since kinds inherit from it
class Step:
    """One typed, idempotent act. `remember` joins the ref's memory in the commit that records the step."""

    remember: Mapping[str, JsonValue] = field(default=EMPTY, kw_only=True)
    verb: ClassVar[str] = ""  # the word people read; the class name when empty


@dataclass(frozen=True, slots=True)
class Plan(Generic[A]):
    """What can be done now, in order."""

    steps: tuple[A, ...] = ()
    again: timedelta | None = None  # look again after this even if nothing happens
    waiting: str = ""  # what it waits for where it has no steps: a person reads it
    stalled: bool = False  # waiting will hardly help


@dataclass(frozen=True, slots=True)
class Verdict:
    """A kind's word on a converged resource: is it ready, and if not, why?"""

    ready: bool = True
    reason: str = "Converged"
    message: str = ""
    stalled: bool = False  # it cannot get ready without somebody's help
    reached: frozenset[Need] = frozenset()


NODE_ACTOR = "holdfast"
"""Who does what nobody has asked for."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the node's append-only log. The store gives the id."""

    name: str  # "reconcile.applied"
    at: datetime
    subject: Ref | None = None
    data: Mapping[str, JsonValue] = EMPTY
    actor: str = NODE_ACTOR
    request_id: str = ""
    trace_id: str = ""
    id: int = 0
