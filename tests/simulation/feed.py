"""`Source`: another repository to follow; what it configures is gone when the process ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.model import Case, Change, JsonValue, Owner, Plan, Ref, Resource, Seen, Spec, Step
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind
from tests.simulation.faults import Faults
from tests.simulation.ports import Witness


class Feeds(Protocol):
    """The sources of one process: gone when it ends."""

    def configured(self) -> Mapping[str, str]: ...
    async def configure(self, name: str, repo: str) -> None: ...
    async def remove(self, name: str) -> None: ...


class FeedSpec(Spec):
    repo: str


@dataclass(frozen=True, slots=True)
class FeedState:
    repo: str


@dataclass(frozen=True, slots=True)
class Configure(Step):
    repo: str


@dataclass(frozen=True, slots=True)
class Unfeed(Step):
    pass


@dataclass(frozen=True, slots=True)
class FeedUses:
    feeds: Feeds
    faults: Faults
    clock: Clock
    witness: Witness


class Source(Kind[FeedSpec, FeedState, Configure | Unfeed, FeedUses]):
    spec = FeedSpec
    uses = FeedUses

    async def observe(
        self, want: Resource[FeedSpec], memory: Mapping[str, JsonValue], uses: FeedUses, *, fresh: bool
    ) -> Seen[FeedState]:
        uses.witness.looking(want, fresh=fresh)
        uses.witness.looked(want.ref)
        repo = uses.feeds.configured().get(want.ref.name)
        actual = None if repo is None else FeedState(repo)
        return Seen(actual, Owner.OURS if actual else Owner.NONE, uses.clock.now())

    def settle(self, case: Case[FeedSpec, FeedState]) -> FeedState | None:
        return None if case.want.spec is None else FeedState(case.want.spec.repo)

    def plan(self, case: Case[FeedSpec, FeedState], changes: Sequence[Change]) -> Plan[Configure | Unfeed]:
        if not changes:
            return Plan()
        return Plan((Unfeed() if case.want.spec is None else Configure(case.want.spec.repo),))

    async def act(self, ref: Ref, step: Configure | Unfeed, uses: FeedUses) -> None:
        uses.witness.acting(ref, step)
        try:
            await uses.faults.before("act")
            match step:
                case Configure(repo=repo):
                    await uses.feeds.configure(ref.name, repo)
                case Unfeed():
                    await uses.feeds.remove(ref.name)
        finally:
            uses.witness.acted(ref)
