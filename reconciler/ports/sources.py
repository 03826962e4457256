"""The node's sources: what each follows, how far it has come, and what the engine says to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reconciler.model import EMPTY, JsonValue, Ref
from reconciler.records import dataclass


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
    current: bool = False  # it was read by this config; until then the rest is what an earlier one came to
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
    deaf: str = ""  # why nobody tells of its changes, so that it is looked at instead
    withheld: tuple[Ref, ...] = ()  # what it declares no more and stays: the store was lost, nobody confirmed


class Sources(Protocol):
    """The node's sources, as the kind `Source` configures them."""

    async def configure(self, config: SourceConfig) -> None:
        """Follow it like this. Where that is news, its state is not `current` until it was read so."""
        ...

    async def remove(self, name: str) -> None: ...
    def state(self, name: str) -> SourceState | None: ...
    def names(self) -> frozenset[str]: ...
    def poke(self, name: str, *, allow_prune: bool = False) -> None:
        """Look now. `allow_prune`: what is found by this look may remove much."""
        ...

    def subscribe(self, changed: Callable[[str], None]) -> None: ...
