"""What a kind is: the one door through which a declared thing is observed, planned and acted upon.

Rules: `settle`, `plan` and `verdict` are pure; `act` alone changes the world. Most kinds need a few of these
methods, and what they leave out has a meaning of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from reconciler.errors import Invalid
from reconciler.model import (
    EMPTY,
    A,
    Case,
    Change,
    JsonValue,
    Need,
    Plan,
    Ref,
    Resource,
    S,
    Seen,
    Status,
    T,
    Verdict,
)
from reconciler.ports.log_line import LogLine
from reconciler.ports.usage import Usage

U = TypeVar("U")

Wake = Callable[[Ref | None], None]
"""Tells the engine to look at a ref again; None: at all of this kind, since its driver has recovered."""

Telling = tuple[str, Mapping[str, JsonValue]]
"""An event by its name, and what it tells."""


class Kind(ABC, Generic[S, T, A, U]):
    """One kind of declared thing. `settle`, `plan` and `verdict` are pure; `act` alone changes the world."""

    spec: ClassVar[type[Any]]
    """The model of what a person writes."""
    uses: ClassVar[type[Any]]
    """A frozen dataclass whose fields are the ports that this kind needs."""
    reads: ClassVar[str] = "plugins:read"
    """The scope that one needs to look at it."""
    writes: ClassVar[str] = "plugins:write"
    """The scope that one needs to declare it, or to take it back."""
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

    def tells(self, case: Case[S, T], was: Seen[T] | None, before: Status | None) -> Iterable[Telling]:
        """What has happened to it since it was seen before, in this kind's own words. Pure.

        `was` is None when nobody has looked since the node began; `before` is the last word on it, if any.
        """
        return ()

    def log(
        self, ref: Ref, uses: U, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        """What it prints; most kinds print nothing."""
        raise Invalid(f"{ref} keeps no log", remedy="services do: `holdfast get service` lists them")

    async def usage(self, uses: U) -> Mapping[Ref, Usage]:
        """What each of ours that runs uses just now; most kinds run nothing."""
        return EMPTY

    def watch(self, uses: U, wake: Wake) -> None:
        """Subscribe to the drivers' events once, and wake the refs that they concern."""
