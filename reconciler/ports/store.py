"""The durable memory of a node, and what is written to it.

Rules: a commit is durable when it returns; what is written is a value of its own, so one commit may hold any.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from reconciler.model import EMPTY, Event, JsonValue, Need, Override, Ref, Status
from reconciler.ports.usage import Usage
from reconciler.records import dataclass


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
    needs: Mapping[Ref, Need] = EMPTY  # also those of before, until the wish was brought about
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


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a service was seen to use."""

    ref: Ref
    at: datetime
    usage: Usage
    memory_peak_bytes: int  # since it was sampled before


Write = (
    Kept
    | Drop
    | Remembered
    | Judged
    | Planned
    | Revision
    | Operation
    | Override
    | EndOverride
    | Note
    | Event
    | Sampled
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
    actor: str = ""
    asked: bool = False  # only what somebody has asked for


class Following(Protocol):
    """A reader of the log, with its place in it."""

    @property
    def position(self) -> int: ...

    """Up to here, all that is wanted has been given: a place to go on from, however rare that is."""

    async def more(self, within_s: float | None = None) -> Sequence[Event] | None:
        """What comes next; empty when nothing came in that time, None when the log has ended."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]: ...


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

    def as_of(self) -> int:
        """A place in the log: whatever it tells up to here, those who told it know by now.

        Who commits learns of it a moment later than who follows. What one reads after having asked for this
        place is at least as new as the log up to there.
        """
        ...

    def follow(self, after: int, only: EventFilter = ...) -> Following:
        """The log from `after` on, then live, without end, without loss, without doubles.

        Who is behind what is kept, or ahead of the log, gets a `stream.reset` in place of what is lost, and
        goes on with the oldest that is kept; 0 is where it begins.
        """
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
    async def samples(self, ref: Ref, since: datetime, until: datetime, limit: int) -> Sequence[Sampled]:
        """The oldest first, from `since` to `until`, both included; the older, the farther apart."""
        ...

    async def note(self, key: str) -> JsonValue:
        """None when there is none."""
        ...

    async def close(self) -> None: ...
